"""botocore's errors, and the codes of SQS's answers, as ours. Imports botocore: reached from client.py alone.

Codes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html and each action's own list. One
fault has several names: the JSON protocol's, and that of the older query protocol, which botocore puts first.
"""

from collections.abc import Callable
from typing import Any

from botocore import exceptions as theirs
from botocore.parsers import ResponseParserError

from signalbox.brokers.errors import (
    BrokerError,
    BrokerTimeout,
    BrokerUnavailable,
    CertificateRefused,
    DestinationMissing,
    InvalidName,
    LoginRefused,
    NotPermitted,
    WrongProtocol,
)
from signalbox.brokers.sqs.throttling import Throttled

TEXT_MAX = 400  # characters of a broker's own words

Made = tuple[type[BrokerError], str]  # our error, and what to do about it

_KEYS = "Check access_key_id and secret_access_key (or the profile) and that the key is active."
_EXPIRED = "Get new temporary credentials; a clock that is minutes off looks the same."
_RIGHT = "Allow the action to this user or role, in its own policies or the queue's."
_CODES: dict[str, Made] = {
    **dict.fromkeys(
        ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"), (LoginRefused, _KEYS)
    ),
    **dict.fromkeys(("SignatureDoesNotMatch", "InvalidSignatureException"), (LoginRefused, _KEYS)),
    **dict.fromkeys(("IncompleteSignature", "MissingAuthenticationToken", "InvalidSecurity"), (LoginRefused, _KEYS)),
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired"), (LoginRefused, _EXPIRED)),
    **dict.fromkeys(("OptInRequired", "NotAuthorized"), (LoginRefused, "Activate SQS for this account.")),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "KmsAccessDenied"), (NotPermitted, _RIGHT)),
    **dict.fromkeys(("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"), (DestinationMissing, "")),
    **dict.fromkeys(
        ("RequestThrottled", "Throttling", "ThrottlingException", "TooManyRequestsException", "KmsThrottled"),
        (Throttled, "Signalbox asks less often by itself."),
    ),
    "QueueDeletedRecently": (BrokerUnavailable, "Wait 60 seconds: SQS keeps a deleted queue's name so long."),
    "InvalidAddress": (InvalidName, ""),
}

_CHAIN = (
    "Set access_key_id and secret_access_key, or profile, or what AWS's default chain reads: "
    "AWS_ACCESS_KEY_ID, ~/.aws, the container's or the instance's role."
)
_SIGN_IN = "Sign in again: aws sso login --profile, then the profile's name."
_ADDRESS = "Check region and endpoint_url, and the network from here."
_SCHEME = "Check whether endpoint_url is http:// or https://, and the network from here."
_REGION = "Set region in the connection, such as eu-central-1."
_CLASSES: tuple[tuple[tuple[type[Exception], ...], type[BrokerError], str, str], ...] = (
    (
        (theirs.NoRegionError, theirs.InvalidRegionError, theirs.EndpointProviderError),
        BrokerUnavailable,
        "no endpoint: ",
        _REGION,
    ),
    ((theirs.ProfileNotFound, theirs.ConfigNotFound, theirs.ConfigParseError), LoginRefused, "", "Check profile."),
    ((theirs.SSOError, theirs.TokenRetrievalError, theirs.NoAuthTokenError), LoginRefused, "", _SIGN_IN),
    ((theirs.NoCredentialsError, theirs.PartialCredentialsError), LoginRefused, "", _CHAIN),
    ((theirs.CredentialRetrievalError, theirs.MetadataRetrievalError), LoginRefused, "", _CHAIN),
    ((theirs.ReadTimeoutError, theirs.ConnectTimeoutError), BrokerTimeout, "no answer in time: ", _ADDRESS),
    ((theirs.ProxyConnectionError,), BrokerUnavailable, "", "Check HTTPS_PROXY."),
    ((theirs.ConnectionClosedError,), BrokerUnavailable, "", _SCHEME),
    ((theirs.ConnectionError, theirs.HTTPClientError), BrokerUnavailable, "", _ADDRESS),
    ((ResponseParserError,), WrongProtocol, "what answers there is not SQS: ", "Check endpoint_url."),
    ((theirs.ParamValidationError,), BrokerError, "the client refused what it was to send: ", ""),
)


def translated(connection: str, error: Exception, hide: Callable[[str], str]) -> BrokerError:
    """Return our error for one of botocore's. `hide` removes secrets from their words."""
    if isinstance(error, theirs.ClientError):
        return _answered(connection, error.response, hide)
    if isinstance(error, theirs.SSLError):
        return _tls(connection, _bounded(str(error), hide))
    for classes, ours, lead, do in _CLASSES:
        if isinstance(error, classes):
            return ours(connection, f"{lead}{_bounded(str(error), hide)}", do)
    return BrokerError(connection, _bounded(f"{type(error).__name__}: {error}", hide))


def _answered(connection: str, response: dict[str, Any], hide: Callable[[str], str]) -> BrokerError:
    said = response.get("Error", {})
    code, status = str(said.get("Code", "")), int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = _bounded(f"{code}: {said.get('Message') or 'no reason given'}", hide)
    for name in (code, str(said.get("QueryErrorCode", ""))):
        if made := _CODES.get(name):
            ours, do = made
            return ours(connection, text, do)
    if status >= 500:
        return BrokerUnavailable(connection, f"the server failed, HTTP {status}, {text}", "It is tried again.")
    if code.isdigit() or not code:
        found = f"what answers there is not SQS: HTTP {status}, {text}"
        return WrongProtocol(connection, found, "Check endpoint_url.")
    return BrokerError(connection, text)


def _tls(connection: str, text: str) -> BrokerError:
    if "CERTIFICATE" in text.upper():
        return CertificateRefused(
            connection, text, "Set ca_file to the authority that signed the endpoint's certificate."
        )
    return WrongProtocol(connection, f"no TLS there: {text}", "Check whether endpoint_url is http:// or https://.")


def _bounded(text: str, hide: Callable[[str], str]) -> str:
    """One printable sentence. SQS names the user, the action and the queue in it: worth showing."""
    line = hide(" ".join(text.split()))
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[: TEXT_MAX + 1])
    if len(line) > TEXT_MAX:
        return line[:TEXT_MAX] + "…"
    return line if line.endswith((".", "!", "?")) else f"{line}."
