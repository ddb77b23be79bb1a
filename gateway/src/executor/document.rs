//! A parsed document, with everything that its text alone determines. It is reused when the same text is sent again.

use std::sync::{Arc, OnceLock};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Variables};
use async_graphql_value::ConstValue;
use comptoir_mesh::Error;
use comptoir_mesh::error::ErrorReason;

use super::cost::{self, Cost};
use super::errors::refused;
use super::model::Model;
use super::response_shape::ResponseShape;
use super::{directives, structure, tokens};
use crate::config::Limits;
use crate::problem::Problem;

/// Root fields whose answers can be the same for every guest. The resolvers decide whether an answer is.
const PUBLIC: [&str; 7] = [
    "product",
    "products",
    "categories",
    "category",
    "search",
    "searchSuggestions",
    "shop",
];

/// The estimated memory of a parsed document: bytes for each token, and for each field of its response shapes. Fields are
/// the largest part of a document.
const TOKEN_SIZE: usize = size_of::<async_graphql::Positioned<Selection>>() + 64;
const FIELD_SIZE: usize = 176;

/// A document within the limits.
pub(crate) struct Document {
    pub(crate) text: Arc<str>,
    parsed: Arc<ExecutableDocument>,
    operations: Vec<Operation>,
    tokens: usize,
}

/// One operation of a document.
pub(crate) struct Operation {
    name: Option<Name>,
    pub(crate) kind: OperationType,
    pub(crate) response_shape: Arc<ResponseShape>,
    /// The first root field, as a label of metrics. An operation's own name would be chosen by the client.
    label: String,
    /// The first cost that was computed. It may depend on the variables.
    cost: OnceLock<Cost>,
    is_public: OnceLock<bool>,
    /// The durations of successes and of failures.
    durations: [OnceLock<metrics::Histogram>; 2],
}

impl Document {
    /// Reads a text: checks size and tokens, parses it, then checks depth, aliases and directives.
    pub(crate) fn read(
        text: Arc<str>,
        model: &Arc<Model>,
        limits: &Limits,
        introspection: bool,
    ) -> Result<Self, Problem> {
        let tokens = tokens::check(&text, limits)?;
        let parsed = parse_query(&*text).map_err(|error| refused(vec![error.into()]))?;
        structure::check(&parsed, limits, introspection)?;
        let errors = directives::check(&parsed);
        if !errors.is_empty() {
            return Err(refused(errors));
        }
        let parsed = Arc::new(parsed);
        let operations = parsed.operations.iter().map(|(name, operation)| {
            let (name, operation) = (name.cloned(), &operation.node);
            Operation {
                kind: operation.ty,
                response_shape: Arc::new(ResponseShape::new(model.clone(), parsed.clone(), name.clone())),
                label: first_field(&operation.selection_set.node),
                cost: OnceLock::new(),
                is_public: OnceLock::new(),
                durations: [OnceLock::new(), OnceLock::new()],
                name,
            }
        });
        Ok(Self {
            text,
            operations: operations.collect(),
            parsed,
            tokens,
        })
    }

    /// Copies the document for an execution, which consumes it.
    pub(crate) fn to_executable(&self) -> ExecutableDocument {
        (*self.parsed).clone()
    }

    /// Returns the position of the requested operation.
    pub(crate) fn select_operation(&self, name: Option<&str>) -> Result<usize, Error> {
        let refusal = |message: String| Error::field("operationName", ErrorReason::ValidationFailed, message);
        match (name, self.operations.as_slice()) {
            (None, [_]) => Ok(0),
            (None, _) => Err(refusal(
                "The document has several operations: say which by operationName.".to_owned(),
            )),
            (Some(name), operations) => operations
                .iter()
                .position(|operation| operation.name.as_ref().is_some_and(|own| own.as_str() == name))
                .ok_or_else(|| refusal(format!("The document has no operation {name:?}."))),
        }
    }

    pub(crate) fn operation(&self, at: usize) -> &Operation {
        &self.operations[at]
    }

    /// The operation's definition.
    pub(crate) fn definition(&self, at: usize) -> &OperationDefinition {
        match (&self.parsed.operations, &self.operations[at].name) {
            (DocumentOperations::Single(operation), _) => &operation.node,
            (DocumentOperations::Multiple(operations), name) => {
                &operations[name.as_ref().expect("of several operations each has a name")].node
            }
        }
    }

    /// Computes the cost of an operation with these variables.
    pub(crate) fn cost(&self, at: usize, model: &Model, variables: &Variables) -> Result<u64, Error> {
        let known = &self.operations[at].cost;
        if let Some(cost) = known.get().filter(|cost| cost.is_fixed) {
            return Ok(cost.units);
        }
        let cost = cost::cost(model, &self.parsed, self.definition(at), variables)?;
        known.get_or_init(|| cost);
        Ok(cost.units)
    }

    /// Whether its answer can be the same for every guest. To be called only after `cost`, which refuses endless fragments.
    pub(crate) fn is_public(&self, at: usize) -> bool {
        *self.operations[at].is_public.get_or_init(|| {
            let operation = self.definition(at);
            operation.ty == OperationType::Query && is_public(&self.parsed, &operation.selection_set.node)
        })
    }

    /// Whether a document that was valid once is valid for all values of its variables.
    ///
    /// Of the library's rules, only the one about values of arguments depends on variables. `values` has checked the same
    /// before, by the declared types, which are those of the positions. There are three exceptions. A nullable variable with
    /// a default is allowed in a non-null position, so validation has to refuse an explicit null. Where an object is written
    /// in place of a list of one, its variables are not compared with their positions. With several operations, the
    /// variables of one are applied to fragments of another.
    pub(crate) fn stays_valid(&self, variables: &Variables) -> bool {
        let [operation] = self.operations.as_slice() else {
            return false;
        };
        let has_null_for_default = self.definition(0).variable_definitions.iter().any(|variable| {
            let value = variables.get(&variable.node.name.node);
            variable.node.default_value.is_some() && value == Some(&ConstValue::Null)
        });
        !has_null_for_default && operation.cost.get().is_some_and(|cost| !cost.hides_variables)
    }

    /// The estimated memory it takes.
    pub(crate) fn size(&self) -> usize {
        let fields: usize = self
            .operations
            .iter()
            .map(|operation| operation.response_shape.field_count())
            .sum();
        self.text.len() + self.tokens * TOKEN_SIZE + fields * FIELD_SIZE + size_of::<Operation>()
    }
}

impl Operation {
    /// The histogram of the durations of successes or failures.
    pub(crate) fn duration(&self, is_ok: bool) -> &metrics::Histogram {
        self.durations[usize::from(!is_ok)].get_or_init(|| {
            let outcome = if is_ok { "ok" } else { "error" };
            metrics::histogram!(
                "graphql_operation_duration_seconds", "operation" => self.label.clone(), "outcome" => outcome
            )
        })
    }
}

fn first_field(set: &SelectionSet) -> String {
    let field = set.items.iter().find_map(|item| match &item.node {
        Selection::Field(field) => Some(field.node.name.node.as_str()),
        _ => None,
    });
    field.filter(|name| name.len() <= 40).unwrap_or("").to_owned()
}

/// Whether every root field is public, including those in fragments.
fn is_public(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            PUBLIC.contains(&name) || name == "__typename"
        }
        Selection::InlineFragment(fragment) => is_public(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| is_public(document, &fragment.node.selection_set.node)),
    })
}
