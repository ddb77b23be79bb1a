//! Checks that do not need types: fragment cycles, introspection, depth, number of aliases and directives.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use crate::config::{Limits, some};

/// Makes the checks in this order. `introspection` says whether introspection is allowed. Its fields then do not count for
/// the depth.
pub(crate) fn check(
    document: &ExecutableDocument,
    limits: &Limits,
    introspection: bool,
) -> Result<(), Error> {
    let mut structure = Structure {
        document,
        introspection,
        aliases: 0,
        depths: HashMap::new(),
        introspects: false,
    };
    let mut depth = 0;
    let mut places = Vec::new();
    for (_, operation) in document.operations.iter() {
        depth = depth.max(structure.depth(&operation.node.selection_set.node)?);
        places.extend(operation_directives(&operation.node));
    }
    for (name, fragment) in &document.fragments {
        structure.fragment(name)?;
        places.push(&fragment.node.directives);
    }
    if structure.introspects && !introspection {
        return Err(Error::new(
            ErrorReason::IntrospectionDisabled,
            "Introspection is disabled here.",
        ));
    }
    if some(limits.depth).is_some_and(|limit| depth > limit) {
        let message = format!(
            "Fields are nested {depth} deep; at most {} are allowed.",
            limits.depth
        );
        return Err(Error::new(ErrorReason::QueryTooDeep, message));
    }
    if some(limits.aliases).is_some_and(|limit| structure.aliases > limit) {
        let message = format!("The document has more than {} aliases.", limits.aliases);
        return Err(Error::new(ErrorReason::TooManyAliases, message));
    }
    let selections = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set);
    for set in selections.chain(
        document
            .fragments
            .values()
            .map(|fragment| &fragment.node.selection_set),
    ) {
        collect_directives(&set.node, &mut places);
    }
    if some(limits.directives).is_some_and(|limit| places.iter().any(|place| place.len() > limit)) {
        let message = format!("A place has more than {} directives.", limits.directives);
        return Err(Error::new(ErrorReason::TooManyDirectives, message));
    }
    Ok(())
}

struct Structure<'a> {
    document: &'a ExecutableDocument,
    introspection: bool,
    /// Aliases as written, not as often as their fragments are used: the cost bounds that.
    aliases: usize,
    /// The depth of each fragment. `None` while it is being computed.
    depths: HashMap<&'a Name, Option<usize>>,
    introspects: bool,
}

impl<'a> Structure<'a> {
    fn depth(&mut self, set: &'a SelectionSet) -> Result<usize, Error> {
        let mut deepest = 0;
        for item in &set.items {
            let depth = match &item.node {
                Selection::Field(field) => self.field(&field.node)?,
                Selection::InlineFragment(fragment) => self.depth(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node)?,
            };
            deepest = deepest.max(depth);
        }
        Ok(deepest)
    }

    fn field(&mut self, field: &'a Field) -> Result<usize, Error> {
        self.aliases += usize::from(field.alias.is_some());
        let below = self.depth(&field.selection_set.node)?;
        if is_introspection(&field.name.node) {
            self.introspects = true;
            if self.introspection {
                return Ok(0);
            }
        }
        Ok(below + 1)
    }

    /// The depth of each fragment is computed once.
    fn fragment(&mut self, name: &Name) -> Result<usize, Error> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            // Validation reports missing fragments.
            return Ok(0);
        };
        match self.depths.get(name) {
            Some(Some(depth)) => return Ok(*depth),
            Some(None) => {
                let message = format!("The fragment {name:?} contains itself.");
                return Err(Error::new(ErrorReason::ValidationFailed, message));
            }
            None => {}
        }
        self.depths.insert(name, None);
        let depth = self.depth(&fragment.node.selection_set.node)?;
        self.depths.insert(name, Some(depth));
        Ok(depth)
    }
}

/// `__typename` is not introspection: it does not reveal the schema, and is common.
pub(crate) fn is_introspection(field: &str) -> bool {
    matches!(field, "__schema" | "__type")
}

type Directives = Vec<Positioned<Directive>>;

fn operation_directives(operation: &OperationDefinition) -> impl Iterator<Item = &Directives> {
    let variables = operation
        .variable_definitions
        .iter()
        .map(|variable| &variable.node.directives);
    variables.chain([&operation.directives])
}

fn collect_directives<'a>(set: &'a SelectionSet, places: &mut Vec<&'a Directives>) {
    for item in &set.items {
        places.push(item.node.directives());
        match &item.node {
            Selection::Field(field) => collect_directives(&field.node.selection_set.node, places),
            Selection::InlineFragment(fragment) => {
                collect_directives(&fragment.node.selection_set.node, places);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}
