// Calls the service as a page would, with connect-web: `node grpc_web.cjs URL CONTRACT`, where CONTRACT is a compiled descriptor set.
// Prints what it was told as JSON.
"use strict";

const { readFileSync } = require("node:fs");
const { createFileRegistry, fromBinary } = require("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = require("@bufbuild/protobuf/wkt");
const { createClient, ConnectError } = require("@connectrpc/connect");
const { createGrpcWebTransport } = require("@connectrpc/connect-web");

async function main(baseUrl, contract) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contract)));
  const service = registry.getService("playlist.v1.PlaylistService");
  const client = createClient(service, createGrpcWebTransport({ baseUrl }));

  const playlist = await client.recommend({ songs: ["Unforgettable", "HUMBLE."] });
  const { songs } = await client.searchSongs({ query: "humb", pageSize: 1 });
  const { modelVersion } = await client.modelInfo({});

  let refused;
  try {
    await client.recommend({ songs: [] });
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    // The details are not decoded: their types are no part of the contract.
    const details = error.details.map((detail) => Buffer.from(detail.value).toString("latin1"));
    const fields = details.some((detail) => detail.includes("songs")) ? ["songs"] : [];
    refused = { code: error.code, fields };
  }

  let watched;
  const stop = new AbortController();
  try {
    for await (const message of client.watchModel({}, { signal: stop.signal })) {
      watched = message.modelVersion;
      break;
    }
  } finally {
    stop.abort();
  }
  return {
    playlist: playlist.songs.map((recommendation) => recommendation.song.title),
    searched: songs[0].title,
    model: modelVersion,
    refused,
    watched,
  };
}

main(...process.argv.slice(2)).then(
  (answer) => console.log(JSON.stringify(answer)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
