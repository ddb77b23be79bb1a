//! Validates directives and `__typename`. The library validates them only in part: it ignores the arguments, selection and
//! directives of a `__typename`, and the directives of variables.

use std::collections::HashSet;

use async_graphql::parser::types::{
    BaseType, Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, Type,
};
use async_graphql::{Name, Pos, Positioned, ServerError};
use async_graphql_value::{ConstValue, Value};

/// The known directives. Both are allowed on selections, and take only the argument `if`.
const KNOWN: [&str; 2] = ["skip", "include"];

/// Returns the errors of a document's directives and `__typename`. Its fragments must not contain cycles.
pub(crate) fn check(document: &ExecutableDocument) -> Vec<ServerError> {
    let mut check = Check::default();
    for fragment in document.fragments.values() {
        check.refuse_all(&fragment.node.directives, "a fragment's definition");
        check.selections(&fragment.node.selection_set.node);
    }
    for (_, operation) in document.operations.iter() {
        check.refuse_all(&operation.node.directives, "an operation");
        for variable in &operation.node.variable_definitions {
            check.refuse_all(&variable.node.directives, "a variable");
        }
        check.selections(&operation.node.selection_set.node);
        let mut conditions = Conditions {
            document,
            operation: &operation.node,
            seen: HashSet::new(),
            errors: &mut check.errors,
        };
        conditions.selections(&operation.node.selection_set.node);
    }
    check
        .errors
        .sort_by_key(|error| error.locations.first().map(|at| (at.line, at.column)));
    check.errors
}

#[derive(Default)]
struct Check {
    errors: Vec<ServerError>,
}

impl Check {
    fn error(&mut self, at: Pos, message: String) {
        self.errors.push(ServerError::new(message, Some(at)));
    }

    /// Refuses directives in a place where none is allowed.
    fn refuse_all(&mut self, directives: &[Positioned<Directive>], place: &str) {
        for directive in directives {
            let name = &directive.node.name.node;
            let message = if KNOWN.contains(&name.as_str()) {
                format!("The directive @{name} is not allowed on {place}.")
            } else {
                format!("There is no directive @{name}.")
            };
            self.error(directive.pos, message);
        }
    }

    fn selections(&mut self, set: &SelectionSet) {
        for item in &set.items {
            self.check_selection(item.node.directives());
            match &item.node {
                Selection::Field(field) => {
                    if field.node.name.node == "__typename" {
                        self.typename(field);
                    }
                    self.selections(&field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Validates the directives of one selection.
    fn check_selection(&mut self, directives: &[Positioned<Directive>]) {
        for (at, directive) in directives.iter().enumerate() {
            let name = directive.node.name.node.as_str();
            if !KNOWN.contains(&name) {
                self.error(directive.pos, format!("There is no directive @{name}."));
                continue;
            }
            if directives[..at].iter().any(|other| other.node.name.node == name) {
                self.error(directive.pos, format!("The directive @{name} occurs here twice."));
            }
            match directive.node.arguments.as_slice() {
                [(argument, value)] if argument.node == "if" => match value.node {
                    Value::Boolean(_) | Value::Variable(_) => {}
                    _ => self.error(value.pos, format!("The argument if of @{name} is true or false.")),
                },
                _ => self.error(
                    directive.pos,
                    format!("The directive @{name} takes the argument if, once."),
                ),
            }
        }
    }

    fn typename(&mut self, field: &Positioned<Field>) {
        if !field.node.arguments.is_empty() {
            self.error(field.pos, "The field __typename takes no arguments.".to_owned());
        }
        if !field.node.selection_set.node.items.is_empty() {
            self.error(
                field.pos,
                "The field __typename has no fields of its own.".to_owned(),
            );
        }
    }
}

/// Validates the variables of directives in an operation and its fragments.
struct Conditions<'a, 'e> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    seen: HashSet<&'a Name>,
    errors: &'e mut Vec<ServerError>,
}

impl<'a> Conditions<'a, '_> {
    fn selections(&mut self, set: &'a SelectionSet) {
        for item in &set.items {
            for directive in item.node.directives() {
                for (_, value) in &directive.node.arguments {
                    if let Value::Variable(name) = &value.node {
                        self.variable(name, value.pos);
                    }
                }
            }
            match &item.node {
                Selection::Field(field) => self.selections(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => self.selections(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && self.seen.insert(name)
                    {
                        self.selections(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    fn variable(&mut self, name: &Name, at: Pos) {
        let declared = self
            .operation
            .variable_definitions
            .iter()
            .find(|definition| definition.node.name.node == *name);
        let message = match declared {
            None => format!("The variable ${name} is not declared."),
            Some(definition) => {
                let default = definition.node.default_value.as_ref().map(|value| &value.node);
                if is_condition(&definition.node.var_type.node, default) {
                    return;
                }
                format!("The variable ${name} is not of the type Boolean!.")
            }
        };
        self.errors.push(ServerError::new(message, Some(at)));
    }
}

/// Whether a variable of this type is always true or false.
fn is_condition(ty: &Type, default: Option<&ConstValue>) -> bool {
    let is_set = !ty.nullable || default.is_some_and(|default| *default != ConstValue::Null);
    is_set && matches!(&ty.base, BaseType::Named(name) if name == "Boolean")
}
