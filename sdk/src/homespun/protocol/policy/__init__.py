"""The policy: how lists are made, as data."""

from homespun.protocol.policy.policy import (
    SCHEMA_VERSION,
    Lifecycle,
    Policy,
    Source,
    Surface,
    encode_policy,
    json_schema,
    parse_policy,
    policy_identity,
)

__all__ = [
    "SCHEMA_VERSION",
    "Lifecycle",
    "Policy",
    "Source",
    "Surface",
    "encode_policy",
    "json_schema",
    "parse_policy",
    "policy_identity",
]
