"use strict";
const address = new URL("/graphql", location.href);
const socket = new URL(address);
socket.protocol = address.protocol === "https:" ? "wss:" : "ws:";
ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: address.href, subscriptionUrl: socket.href }),
    defaultEditorToolsVisibility: true,
  }),
);
