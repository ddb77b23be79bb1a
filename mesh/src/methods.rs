//! How methods stream, as their protos say.

use std::sync::LazyLock;

use prost::Message as _;

/// Which sides of a method are streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// The caller sends any number of messages.
    pub(crate) client_streams: bool,
    /// The service answers any number of messages.
    pub(crate) server_streams: bool,
}

/// Health and reflection, which are not among our protos, have streams on either side.
pub(crate) const FOREIGN: Form = Form {
    client_streams: true,
    server_streams: true,
};

/// The methods that stream: few, so that a look at each is faster than a hash.
static STREAMS: LazyLock<Vec<(String, Form)>> = LazyLock::new(|| {
    // A test holds that the set can be decoded.
    let set = prost_types::FileDescriptorSet::decode(comptoir_proto::DESCRIPTOR_SET).unwrap_or_default();
    let mut streams = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let form = Form {
                    client_streams: method.client_streaming(),
                    server_streams: method.server_streaming(),
                };
                if form != Form::default() {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    streams.push((path, form));
                }
            }
        }
    }
    streams
});

/// The form of the method at a path.
pub(crate) fn form(path: &str) -> Form {
    STREAMS
        .iter()
        .find(|(method, _)| method == path)
        .map_or_else(Form::default, |(_, form)| *form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protos_say_which_side_streams() {
        let of = |path| {
            let form = form(path);
            (form.client_streams, form.server_streams)
        };
        assert_eq!(of("/comptoir.catalog.v1.CatalogService/PutMedia"), (true, false));
        assert_eq!(
            of("/comptoir.catalog.v1.CatalogService/ImportProducts"),
            (true, false)
        );
        assert_eq!(of("/comptoir.orders.v1.OrderService/WatchOrder"), (false, true));
        assert_eq!(of("/comptoir.orders.v1.OrderService/GetOrder"), (false, false));
    }
}
