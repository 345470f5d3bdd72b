import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { file_envoy_service_discovery_v3_discovery } from "../../../protos/gen/envoy/service/discovery/v3/discovery_pb.ts";
import {
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../../protos/gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflectionResponse } from "../../../protos/gen/grpc/reflection/v1/reflection_pb.ts";
import { connect, listen, next, open } from "./grpc-rig.ts";
import { GrpcStatus } from "./grpc-status.ts";
import { Reflection } from "./reflection.ts";

type Question = MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"];

async function ask(
  messageRequest: Question,
  version = "v1",
): Promise<ServerReflectionResponse["messageResponse"]> {
  const server = await listen(new Reflection([file_envoy_service_discovery_v3_discovery]).methods);
  const call = open(connect(server), `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
  const request = create(
    ServerReflectionRequestSchema,
    messageRequest === undefined ? {} : { messageRequest },
  );
  call.write(Buffer.from(toBinary(ServerReflectionRequestSchema, request)));
  const response = fromBinary(ServerReflectionResponseSchema, await next(call));
  call.cancel();
  expect(response.originalRequest).toEqual(request);
  return response.messageResponse;
}

describe("Reflection", () => {
  test.each(["v1", "v1alpha"])("%s lists the services", async (version) => {
    const answer = await ask({ case: "listServices", value: "*" }, version);
    const services = answer.case === "listServicesResponse" ? answer.value.service : [];
    expect(services.map(({ name }) => name)).toEqual([
      "envoy.service.discovery.v3.AggregatedDiscoveryService",
      "grpc.reflection.v1.ServerReflection",
    ]);
  });

  test.each<Question>([
    { case: "fileContainingSymbol", value: "envoy.service.discovery.v3.AggregatedDiscoveryService" },
    {
      case: "fileContainingSymbol",
      value: "envoy.service.discovery.v3.AggregatedDiscoveryService.StreamAggregatedResources",
    },
    { case: "fileContainingSymbol", value: "envoy.service.discovery.v3.DiscoveryRequest" },
    { case: "fileByFilename", value: "envoy/service/discovery/v3/discovery.proto" },
  ])("describes a file with all that it needs: %j", async (question) => {
    const answer = await ask(question);
    const protos = answer.case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
    const files = protos.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    expect(files[0]?.name).toBe("envoy/service/discovery/v3/discovery.proto");
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.reverse() }));
    expect(registry.getService("envoy.service.discovery.v3.AggregatedDiscoveryService")).toBeDefined();
  });

  test.each<[Question, number]>([
    [{ case: "fileContainingSymbol", value: "a.B" }, GrpcStatus.notFound],
    [{ case: "fileByFilename", value: "a.proto" }, GrpcStatus.notFound],
    [{ case: "allExtensionNumbersOfType", value: "a.B" }, GrpcStatus.notFound],
    [{ case: "fileContainingExtension", value: { containingType: "a.B" } }, GrpcStatus.notFound],
    [undefined, GrpcStatus.invalidArgument],
  ])("answers %j with an error, and goes on", async (question, errorCode) => {
    expect(await ask(question)).toMatchObject({ case: "errorResponse", value: { errorCode } });
  });
});
