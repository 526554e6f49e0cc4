"""Python's grpcio: with stubs that are generated from the contract, and by reflection."""

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from conftest import current


@pytest.fixture
def channel(sample_service):
    with grpc.insecure_channel(sample_service.address) as channel:
        yield channel


def test_generated_stubs_recommend(stubs, channel, sample_volume):
    messages, services = stubs
    service = services.PlaylistServiceStub(channel)
    answer = service.Recommend(messages.RecommendRequest(songs=["Unforgettable", "HUMBLE."], limit=25), timeout=10)
    assert len(answer.songs) == 25
    assert answer.model_version == current(sample_volume)
    assert answer.model_date.ToDatetime().year >= 2025
    assert {recommendation.source for recommendation in answer.songs} <= {1, 2, 3}
    scores = [recommendation.score for recommendation in answer.songs if recommendation.source == messages.SOURCE_RULES]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) >= 10


def test_generated_stubs_decode_the_details_of_an_error(stubs, channel):
    messages, services = stubs
    with pytest.raises(grpc.RpcError) as failure:
        services.PlaylistServiceStub(channel).Recommend(messages.RecommendRequest(songs=["a"] * 1001), timeout=10)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(failure.value)
    bad_request, error_info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(bad_request) for detail in status.details)
    assert any(detail.Unpack(error_info) for detail in status.details)
    assert [violation.field for violation in bad_request.field_violations] == ["songs"]
    assert (error_info.domain, error_info.reason) == ("playlist.v1", "INVALID_REQUEST")


def test_a_client_that_has_nothing_but_reflection_recommends(channel):
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("playlist.v1.PlaylistService").FindMethodByName("Recommend")
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    recommend = channel.unary_unary(
        "/playlist.v1.PlaylistService/Recommend",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    answer = recommend(request(songs=["Unforgettable"]), timeout=10)
    assert len(answer.songs) == 10


def test_a_service_without_a_model_is_alive_and_not_ready(stubs, recommenders, tmp_path):
    messages, services = stubs
    (tmp_path / "volume").mkdir()
    recommender = recommenders.start(tmp_path / "volume")
    with grpc.insecure_channel(recommender.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        expected = {"": "NOT_SERVING", "playlist.v1.PlaylistService": "NOT_SERVING", "liveness": "SERVING"}
        for service, status in expected.items():
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) == status
        service = services.PlaylistServiceStub(channel)
        with pytest.raises(grpc.RpcError) as failure:
            service.Recommend(messages.RecommendRequest(songs=["Unforgettable"]), timeout=10)
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
        retry = error_details_pb2.RetryInfo()
        assert any(detail.Unpack(retry) for detail in rpc_status.from_call(failure.value).details)
        assert retry.retry_delay.ToMilliseconds() > 0
        assert service.ModelInfo(messages.ModelInfoRequest(), timeout=10).model_version == ""
