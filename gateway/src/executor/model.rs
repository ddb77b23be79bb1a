//! The schema as the checks need it, parsed once from its text.

use std::collections::{HashMap, HashSet};

use anyhow::Context as _;
use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql_value::Value;

/// The types of the schema by name.
pub(crate) struct Model {
    types: HashMap<String, Kind>,
}

pub(crate) enum Kind {
    Scalar,
    Enum(HashSet<String>),
    Input(HashMap<String, Input>),
    /// Objects and interfaces. A union has no fields.
    Composite(HashMap<String, FieldType>),
}

pub(crate) struct FieldType {
    pub(crate) ty: Type,
    /// The name of its type, without lists.
    pub(crate) name: String,
    pub(crate) is_list: bool,
    pub(crate) arguments: HashMap<String, Input>,
}

pub(crate) struct Input {
    pub(crate) ty: Type,
    pub(crate) default: Option<Value>,
}

impl Model {
    /// Parses the schema's text.
    pub(crate) fn parse(sdl: &str) -> anyhow::Result<Self> {
        let document = parse_schema(sdl).context("the schema's own text cannot be read")?;
        let types = document
            .definitions
            .into_iter()
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(ty) => Some((ty.node.name.node.to_string(), kind(ty.node.kind))),
                _ => None,
            });
        Ok(Self {
            types: types.collect(),
        })
    }

    /// The fields of a type, if it has some.
    pub(crate) fn fields(&self, name: &str) -> Option<&HashMap<String, FieldType>> {
        match self.types.get(name) {
            Some(Kind::Composite(fields)) => Some(fields),
            _ => None,
        }
    }

    /// The kind of a type. Built-in scalars are scalars.
    pub(crate) fn kind(&self, name: &str) -> &Kind {
        self.types.get(name).unwrap_or(&Kind::Scalar)
    }
}

/// The root type of an operation. The schema uses the default names.
pub(crate) fn root(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

fn kind(kind: TypeKind) -> Kind {
    match kind {
        TypeKind::Scalar => Kind::Scalar,
        TypeKind::Object(object) => Kind::Composite(fields(object.fields)),
        TypeKind::Interface(interface) => Kind::Composite(fields(interface.fields)),
        TypeKind::Union(_) => Kind::Composite(HashMap::new()),
        TypeKind::Enum(values) => Kind::Enum(
            values
                .values
                .into_iter()
                .map(|value| value.node.value.node.to_string())
                .collect(),
        ),
        TypeKind::InputObject(object) => Kind::Input(inputs(object.fields)),
    }
}

fn fields(fields: Vec<Positioned<FieldDefinition>>) -> HashMap<String, FieldType> {
    let entry = |field: FieldDefinition| {
        let ty = field.ty.node;
        let is_list = matches!(ty.base, BaseType::List(_));
        let read = FieldType {
            name: named(&ty).to_owned(),
            is_list,
            arguments: inputs(field.arguments),
            ty,
        };
        (field.name.node.to_string(), read)
    };
    fields.into_iter().map(|field| entry(field.node)).collect()
}

fn inputs(inputs: Vec<Positioned<InputValueDefinition>>) -> HashMap<String, Input> {
    let entry = |input: InputValueDefinition| {
        let default = input.default_value.map(|value| value.node.into_value());
        (
            input.name.node.to_string(),
            Input {
                ty: input.ty.node,
                default,
            },
        )
    };
    inputs.into_iter().map(|input| entry(input.node)).collect()
}

/// The name of a type, without lists.
pub(crate) fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => named(item),
    }
}
