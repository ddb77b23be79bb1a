//! The printed schema: kept beside the code, and never less than the public contract.

use std::collections::BTreeMap;
use std::path::Path;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};

const CONTRACT: &str = include_str!("../data/contract.graphql");

/// `UPDATE_SCHEMA=1 cargo test -p comptoir-gateway schema` writes it.
#[test]
fn the_printed_schema_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let printed = comptoir_gateway::graphql::sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == printed,
        "gateway/schema.graphql is not what the code says; run with UPDATE_SCHEMA=1"
    );
}

#[test]
fn the_schema_contains_the_contract() {
    let contract = types(CONTRACT);
    let ours = types(&comptoir_gateway::graphql::sdl());
    let mut missing = Vec::new();
    for (name, promised) in &contract {
        match ours.get(name) {
            Some(found) => compare(name, promised, found, &mut missing),
            None => missing.push(format!("type {name}")),
        }
    }
    assert!(contract.len() > 80, "the contract was read");
    assert!(
        missing.is_empty(),
        "missing or different:\n{}",
        missing.join("\n")
    );
}

#[test]
fn what_the_contract_explains_is_explained() {
    let ours = types(&comptoir_gateway::graphql::sdl());
    let mut missing = Vec::new();
    for (name, promised) in types(CONTRACT) {
        let found = &ours[&name];
        if promised.description.is_some() && found.description.is_none() {
            missing.push(name.clone());
        }
        for field in fields(&promised)
            .into_iter()
            .filter(|field| field.description.is_some())
        {
            let described =
                |other: &&FieldDefinition| other.name == field.name && other.description.is_some();
            if !fields(found).iter().any(described) {
                missing.push(format!("{name}.{}", field.name));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "without a description: {}",
        missing.join(", ")
    );
}

fn types(schema: &str) -> BTreeMap<String, TypeDefinition> {
    let document = parse_schema(schema).expect("a schema");
    let named = document
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => {
                Some((definition.node.name.to_string(), definition.node))
            }
            _ => None,
        });
    named.collect()
}

fn fields(definition: &TypeDefinition) -> Vec<&FieldDefinition> {
    match &definition.kind {
        TypeKind::Object(object) => object.fields.iter().map(|field| &field.node).collect(),
        TypeKind::Interface(interface) => interface.fields.iter().map(|field| &field.node).collect(),
        _ => Vec::new(),
    }
}

fn compare(name: &str, promised: &TypeDefinition, found: &TypeDefinition, missing: &mut Vec<String>) {
    match (&promised.kind, &found.kind) {
        (TypeKind::Scalar, TypeKind::Scalar) => {}
        (TypeKind::Object(want), TypeKind::Object(have)) => {
            names_contained(
                &format!("{name} implements"),
                &want.implements,
                &have.implements,
                missing,
            );
            compare_fields(name, &want.fields, &have.fields, missing);
        }
        (TypeKind::Interface(want), TypeKind::Interface(have)) => {
            compare_fields(name, &want.fields, &have.fields, missing);
        }
        (TypeKind::Union(want), TypeKind::Union(have)) => {
            names_contained(&format!("{name} ="), &want.members, &have.members, missing);
        }
        (TypeKind::Enum(want), TypeKind::Enum(have)) => {
            let values =
                |values: &[Positioned<async_graphql::parser::types::EnumValueDefinition>]| -> Vec<_> {
                    values.iter().map(|value| value.node.value.clone()).collect()
                };
            names_contained(name, &values(&want.values), &values(&have.values), missing);
        }
        (TypeKind::InputObject(want), TypeKind::InputObject(have)) => {
            compare_inputs(name, &want.fields, &have.fields, missing);
        }
        _ => missing.push(format!("{name} is of another kind")),
    }
}

fn names_contained<N: AsName>(place: &str, want: &[N], have: &[N], missing: &mut Vec<String>) {
    let have: Vec<&Name> = have.iter().map(AsName::name).collect();
    let absent = want.iter().map(AsName::name).filter(|name| !have.contains(name));
    missing.extend(absent.map(|name| format!("{place} {name}")));
}

trait AsName {
    fn name(&self) -> &Name;
}

impl AsName for Name {
    fn name(&self) -> &Name {
        self
    }
}

impl AsName for Positioned<Name> {
    fn name(&self) -> &Name {
        &self.node
    }
}

type Defined<T> = [Positioned<T>];

fn compare_fields(
    name: &str,
    want: &Defined<FieldDefinition>,
    have: &Defined<FieldDefinition>,
    missing: &mut Vec<String>,
) {
    for field in want {
        let place = format!("{name}.{}", field.node.name);
        let Some(found) = have
            .iter()
            .find(|other| other.node.name.node == field.node.name.node)
        else {
            missing.push(place);
            continue;
        };
        if found.node.ty.to_string() != field.node.ty.to_string() {
            missing.push(format!("{place}: {} is {}", field.node.ty, found.node.ty));
        }
        compare_inputs(&place, &field.node.arguments, &found.node.arguments, missing);
    }
}

fn compare_inputs(
    name: &str,
    want: &Defined<InputValueDefinition>,
    have: &Defined<InputValueDefinition>,
    missing: &mut Vec<String>,
) {
    for input in want {
        let place = format!("{name}({})", input.node.name);
        let Some(found) = have
            .iter()
            .find(|other| other.node.name.node == input.node.name.node)
        else {
            missing.push(place);
            continue;
        };
        let default =
            |input: &InputValueDefinition| input.default_value.as_ref().map(|value| value.node.to_string());
        if found.node.ty.to_string() != input.node.ty.to_string() {
            missing.push(format!("{place}: {} is {}", input.node.ty, found.node.ty));
        }
        if default(&found.node) != default(&input.node) {
            missing.push(format!(
                "{place} = {:?} is {:?}",
                default(&input.node),
                default(&found.node)
            ));
        }
    }
    // What we add, a client of the contract does not send.
    for added in have.iter().filter(|added| {
        want.iter()
            .all(|input| input.node.name.node != added.node.name.node)
    }) {
        if !added.node.ty.node.nullable && added.node.default_value.is_none() {
            missing.push(format!("{name}({}) may not be required", added.node.name));
        }
    }
}
