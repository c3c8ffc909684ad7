"""Translates botocore's errors and SQS's error codes into ours. Imports botocore: only client.py imports this module.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html; the JSON and the query protocol differ.
"""

import re
from collections.abc import Callable
from typing import Any

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    DestinationMissing,
    InvalidName,
    LoginRefused,
    PermissionMissing,
    WrongProtocol,
)
from signalbox.brokers.sqs.throttling import Throttled

TEXT_MAX = 400  # characters of a broker's message

Translation = tuple[type[BrokerError], str]  # our error, and what to do

_KEYS = "Check access_key_id and secret_access_key, or the profile, and that the key is active."
_TOKEN = f"{_KEYS} A region that is not enabled for the account refuses every key: check region too."
_EXPIRED = "Get new temporary credentials, and check this machine's clock."
_THROTTLED = "Signalbox reduces its request rate."
_PERMISSION = "Allow the action for this user or role, in its policies or the queue's policy."
_CODES: dict[str, Translation] = {
    **dict.fromkeys(("InvalidClientTokenId", "UnrecognizedClientException"), (LoginRefused, _TOKEN)),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException"), (LoginRefused, _KEYS)
    ),
    **dict.fromkeys(("IncompleteSignature", "MissingAuthenticationToken", "InvalidSecurity"), (LoginRefused, _KEYS)),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired"), (LoginRefused, _EXPIRED)),
    **dict.fromkeys(("OptInRequired", "NotAuthorized"), (LoginRefused, "Activate SQS for this account.")),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "KmsAccessDenied"), (PermissionMissing, _PERMISSION)),
    **dict.fromkeys(("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"), (DestinationMissing, "")),
    **dict.fromkeys(("RequestThrottled", "Throttling", "ThrottlingException"), (Throttled, _THROTTLED)),
    **dict.fromkeys(("TooManyRequestsException", "KmsThrottled"), (Throttled, _THROTTLED)),
    "QueueDeletedRecently": (BrokerUnavailable, "Wait 60 seconds: SQS blocks a deleted queue's name for this time."),
    "InvalidAddress": (InvalidName, ""),
}

_OTHER_REGION = re.compile(r"scoped to (?:a valid|correct|the correct) region")

_CHAIN = (
    "Set access_key_id and secret_access_key, or profile, or a source of AWS's default chain: "
    "AWS_ACCESS_KEY_ID, ~/.aws, or the role of the container or instance."
)
_SIGN_IN = "Sign in again: aws sso login --profile <profile>."
_ENDPOINT = "Check region, endpoint_url and the network."
_SCHEME = "Check the network, and whether endpoint_url needs http:// or https://."
_REGION = "Set region, for example eu-central-1."
# Exceptions of botocore, our error, beginning of the problem, hint
_CLASSES: tuple[tuple[tuple[type[Exception], ...], type[BrokerError], str, str], ...] = (
    (
        (aws.NoRegionError, aws.InvalidRegionError, aws.EndpointProviderError),
        BrokerUnavailable,
        "No endpoint: ",
        _REGION,
    ),
    ((aws.ProfileNotFound, aws.ConfigNotFound, aws.ConfigParseError), LoginRefused, "", "Check profile."),
    ((aws.SSOError, aws.TokenRetrievalError, aws.NoAuthTokenError), LoginRefused, "", _SIGN_IN),
    ((aws.NoCredentialsError, aws.PartialCredentialsError), LoginRefused, "", _CHAIN),
    ((aws.CredentialRetrievalError, aws.MetadataRetrievalError), LoginRefused, "", _CHAIN),
    ((aws.ReadTimeoutError, aws.ConnectTimeoutError), BrokerTimeout, "No answer in time: ", _ENDPOINT),
    ((aws.ProxyConnectionError,), BrokerUnavailable, "", "Check HTTPS_PROXY."),
    ((aws.ConnectionClosedError,), BrokerUnavailable, "", _SCHEME),
    ((aws.ConnectionError, aws.HTTPClientError), BrokerUnavailable, "", _ENDPOINT),
    ((ResponseParserError,), WrongProtocol, "The endpoint is not SQS: ", "Check endpoint_url."),
    ((aws.ParamValidationError,), BrokerError, "The client rejected the request: ", ""),
)


def translate(connection: str, error: Exception, redact: Callable[[str], str], region: str = "") -> BrokerError:
    """Return our error for one of botocore's. `redact` removes secrets from its text; `region` is the client's."""
    if isinstance(error, aws.ClientError):
        return _translate_answer(connection, error.response, redact, region)
    if isinstance(error, aws.EndpointConnectionError) and region and f".{region}." in str(error):
        problem = f"Cannot reach SQS in the region {region}: {_bounded(str(error), redact)}"
        return BrokerUnavailable(connection, problem, f"Check that the region {region} exists, and the network.")
    if isinstance(error, aws.SSLError):
        return _tls_error(connection, _bounded(str(error), redact))
    for classes, error_class, prefix, hint in _CLASSES:
        if isinstance(error, classes):
            return error_class(connection, f"{prefix}{_bounded(str(error), redact)}", hint)
    return BrokerError(connection, _bounded(f"{type(error).__name__}: {error}", redact))


def _translate_answer(
    connection: str, response: dict[str, Any], redact: Callable[[str], str], region: str
) -> BrokerError:
    error = response.get("Error", {})
    code, status = str(error.get("Code", "")), int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = _bounded(f"{code}: {error.get('Message') or 'no reason given'}", redact)
    if _OTHER_REGION.search(text):
        problem = f"The endpoint belongs to another region than {region or 'the configured one'}: {text}"
        return LoginRefused(connection, problem, "Set region to the region of the endpoint.")
    for name in (code, str(error.get("QueryErrorCode", ""))):
        if translation := _CODES.get(name):
            error_class, hint = translation
            return error_class(connection, text, hint)
    if status >= 500:
        return BrokerUnavailable(connection, f"The server failed with HTTP {status}: {text}", "Signalbox retries.")
    if code.isdigit() or not code:
        problem = f"The endpoint is not SQS: HTTP {status}, {text}"
        return WrongProtocol(connection, problem, "Check endpoint_url.")
    return BrokerError(connection, text)


def _tls_error(connection: str, text: str) -> BrokerError:
    if "CERTIFICATE" in text.upper():
        hint = "Set ca_file to the authority that signed the endpoint's certificate."
        return CertificateRefused(connection, text, hint)
    hint = "Check whether endpoint_url needs http:// or https://."
    return WrongProtocol(connection, f"The endpoint does not speak TLS: {text}", hint)


def _bounded(text: str, redact: Callable[[str], str]) -> str:
    """Return one printable, bounded sentence. SQS's messages name the user, the action and the queue."""
    line = redact(" ".join(text.split()))
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[: TEXT_MAX + 1])
    if len(line) > TEXT_MAX:
        return line[:TEXT_MAX] + "…"
    return line if line.endswith((".", "!", "?")) else f"{line}."
