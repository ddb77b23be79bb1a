//! The cost of an operation. Each field that is an object or a list costs 1 for each time it can occur. The items of a
//! connection occur `first` times, those of a plain list 10 times. Scalars are free. A field written twice counts twice.
//!
//! The same walk checks the values of arguments, because it knows their types.

use std::collections::HashMap;

use async_graphql::Variables;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql_value::Value;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::model::{self, FieldType, Model};
use super::structure::is_introspection;
use super::values;

/// How often the items of a list without `first` are assumed to occur.
const PLAIN_LIST: u64 = 10;
/// The longest list. A larger `first` is refused by its field.
const LONGEST_PAGE: u64 = 100;
/// How many selections are visited. Nested fragments can make a short document very large, and scalars in them cost nothing.
const MAX_SELECTIONS: usize = 50_000;

/// The cost of an operation, and what else the walk found.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) units: u64,
    /// Whether the cost is the same for all values of the variables.
    pub(crate) is_fixed: bool,
    /// Whether there may be variables whose types the library does not compare with the types of their positions.
    pub(crate) hides_variables: bool,
}

/// Computes the cost of an operation. The operation may still be invalid.
pub(crate) fn cost(
    model: &Model,
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<Cost, Error> {
    let defaults = operation.variable_definitions.iter().filter_map(|definition| {
        let default = definition.node.default_value.as_ref()?;
        Some((
            definition.node.name.node.as_str(),
            default.node.clone().into_value(),
        ))
    });
    let mut walk = Walk {
        model,
        document,
        variables,
        defaults: defaults.collect(),
        seen: 0,
        is_fixed: true,
        hides_variables: false,
    };
    let units = walk.selections(&operation.selection_set.node, model::root(operation.ty), 1, None)?;
    Ok(Cost {
        units,
        is_fixed: walk.is_fixed,
        hides_variables: walk.hides_variables,
    })
}

struct Walk<'a> {
    model: &'a Model,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    defaults: HashMap<&'a str, Value>,
    seen: usize,
    is_fixed: bool,
    hides_variables: bool,
}

impl<'a> Walk<'a> {
    /// The cost of a selection on `ty` that occurs `times`. Within a connection, `page` is the number of its items.
    fn selections(
        &mut self,
        set: &'a SelectionSet,
        ty: &str,
        times: u64,
        page: Option<u64>,
    ) -> Result<u64, Error> {
        let mut sum = 0_u64;
        for item in &set.items {
            self.seen += 1;
            if self.seen > MAX_SELECTIONS {
                let message = "The document's fragments make it too large.";
                return Err(Error::new(ErrorReason::QueryTooComplex, message));
            }
            let cost = match &item.node {
                Selection::Field(field) => self.field(&field.node, ty, times, page)?,
                Selection::InlineFragment(fragment) => {
                    let condition = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| condition.node.on.node.as_str());
                    self.selections(
                        &fragment.node.selection_set.node,
                        condition.unwrap_or(ty),
                        times,
                        page,
                    )?
                }
                Selection::FragmentSpread(spread) => {
                    match self.document.fragments.get(&spread.node.fragment_name.node) {
                        Some(fragment) => {
                            let condition = fragment.node.type_condition.node.on.node.as_str();
                            self.selections(&fragment.node.selection_set.node, condition, times, page)?
                        }
                        None => 0,
                    }
                }
            };
            sum = sum.saturating_add(cost);
        }
        Ok(sum)
    }

    fn field(&mut self, field: &'a Field, ty: &str, times: u64, page: Option<u64>) -> Result<u64, Error> {
        let name = field.name.node.as_str();
        if is_introspection(name) {
            return Ok(0);
        }
        let model = self.model;
        let Some(known) = model.fields(ty).and_then(|fields| fields.get(name)) else {
            return Ok(0);
        };
        self.check_arguments(field, known)?;
        let is_composite = model.fields(&known.name).is_some();
        let first = known
            .arguments
            .contains_key("first")
            .then(|| self.first(field, known));
        let occurs = match (known.is_list, first, page) {
            (true, Some(first), _) => times.saturating_mul(first),
            (true, None, Some(page)) if matches!(name, "edges" | "nodes") => times.saturating_mul(page),
            (true, None, _) => times.saturating_mul(PLAIN_LIST),
            (false, ..) if is_composite => times,
            (false, ..) => return Ok(0),
        };
        let inner = if known.is_list { None } else { first };
        Ok(occurs.saturating_add(self.selections(&field.selection_set.node, &known.name, occurs, inner)?))
    }

    /// The number of items that a connection or list is asked for.
    fn first(&mut self, field: &Field, known: &FieldType) -> u64 {
        let written = field.get_argument("first").and_then(|value| {
            self.is_fixed &= !matches!(value.node, Value::Variable(_));
            self.number(&value.node)
        });
        let default = known
            .arguments
            .get("first")
            .and_then(|input| self.number(input.default.as_ref()?));
        // Without either, the service chooses, up to the longest page.
        written.or(default).unwrap_or(LONGEST_PAGE).clamp(1, LONGEST_PAGE)
    }

    fn number(&self, value: &Value) -> Option<u64> {
        match value {
            Value::Number(number) => {
                Some(
                    number
                        .as_u64()
                        .unwrap_or(if number.is_i64() { 1 } else { LONGEST_PAGE }),
                )
            }
            Value::Variable(name) => match self.variables.get(name.as_str()) {
                Some(value) => self.number(&value.clone().into_value()),
                None => self
                    .defaults
                    .get(name.as_str())
                    .and_then(|value| self.number(value)),
            },
            _ => None,
        }
    }

    fn check_arguments(&mut self, field: &Field, known: &FieldType) -> Result<(), Error> {
        for (name, value) in &field.arguments {
            if let Some(input) = known.arguments.get(name.node.as_str()) {
                values::check(self.model, &input.ty, &value.node, &mut name.node.to_string())?;
                self.hides_variables |= values::hides_variables(self.model, &input.ty, &value.node);
            }
        }
        Ok(())
    }
}
