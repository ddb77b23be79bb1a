//! Registers types in the schema.

use async_graphql::OutputType;
use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{CacheControl, Deprecation, MetaField, MetaType, Registry};

use super::SyncObject;

/// Registers a type, and returns its name.
pub(crate) fn register<T: SyncObject>(registry: &mut Registry) -> String {
    if !registry.types.contains_key(T::NAME) {
        // Registered before its fields: a type may contain itself.
        registry
            .types
            .insert(T::NAME.to_owned(), object(T::NAME, &[], std::iter::empty()));
        let described = T::describe(registry);
        registry.types.insert(T::NAME.to_owned(), described);
    }
    format!("{}!", T::NAME)
}

/// Describes an object type.
pub(crate) fn object(name: &str, lines: &[&str], fields: impl Iterator<Item = MetaField>) -> MetaType {
    MetaType::Object {
        name: name.to_owned(),
        description: description(lines),
        fields: fields.map(|field| (field.name.clone(), field)).collect(),
        cache_control: CacheControl::default(),
        extends: false,
        shareable: false,
        resolvable: true,
        keys: None,
        visible: None,
        inaccessible: false,
        interface_object: false,
        tags: Vec::new(),
        is_subscription: false,
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

/// Describes an interface type.
pub(crate) fn interface(name: &str, lines: &[&str], fields: Vec<MetaField>, types: Vec<String>) -> MetaType {
    MetaType::Interface {
        name: name.to_owned(),
        description: description(lines),
        fields: fields
            .into_iter()
            .map(|field| (field.name.clone(), field))
            .collect(),
        possible_types: types.into_iter().collect(),
        extends: false,
        keys: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

/// Describes a field without arguments.
pub(crate) fn field(name: &str, lines: &[&str], ty: String) -> MetaField {
    MetaField {
        name: name.to_owned(),
        description: description(lines),
        args: IndexMap::new(),
        ty,
        deprecation: Deprecation::NoDeprecated,
        cache_control: CacheControl::default(),
        external: false,
        requires: None,
        provides: None,
        visible: None,
        shareable: false,
        inaccessible: false,
        tags: Vec::new(),
        override_from: None,
        compute_complexity: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

/// The fields of an object with resolvers, to be added to another object.
pub(crate) fn fields_of<T: OutputType>(registry: &mut Registry) -> Vec<MetaField> {
    match registry.create_fake_output_type::<T>() {
        MetaType::Object { fields, .. } => fields.into_values().collect(),
        _ => Vec::new(),
    }
}

fn description(lines: &[&str]) -> Option<String> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
