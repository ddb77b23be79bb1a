# syntax=docker/dockerfile:1
# One image for each process: docker build --build-arg BINARY=comptoir-orders .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
ARG BINARY=comptoir
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --workspace --bin "$BINARY" --features comptoir-events/kafka-tls && cp "target/release/$BINARY" /process && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /process /process
COPY --from=build --chown=nonroot:nonroot /data /data
ENV COMPTOIR_PROFILE=production COMPTOIR_DATA=/data
ENTRYPOINT ["/process"]
