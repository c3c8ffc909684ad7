"""Why a single sign-on failed. Messages are for the page and contain no text of the provider."""

from signalbox.kernel.figures import duration
from signalbox.security.errors import RequestRejected

CLOCK_DIFFERENCE_MAX_S = 366 * 86_400  # the provider may send any number: larger ones are shown as this


class SsoError(RequestRejected):
    """The single sign-on failed."""


class SignInNotPending(SsoError):
    """The answer belongs to no pending sign-in of this browser."""

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not started in this browser, is already finished, or took too long. Sign in again."
        )


class SignInCanceled(SsoError):
    """The user canceled, or the provider does not allow it."""

    def __init__(self) -> None:
        super().__init__(
            "The sign-in was canceled, or the identity provider does not allow the sign-in. You were not signed in."
        )


class ProviderUnreachable(SsoError):
    """The provider did not answer in time."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The identity provider {host} does not respond. Try again later, or sign in with a password.")


class CertificateNotTrusted(SsoError):
    """The provider's TLS certificate is not trusted."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The certificate of the identity provider {host} is not trusted. Ask an admin to set its certificate authority in "
            "[oidc] ca_file."
        )


class ProviderError(SsoError):
    """The answer violates OpenID Connect. `what` is our text, not the provider's."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The identity provider sent an invalid answer: {what}. Ask an admin to check the log of Signalbox."
        )


class ClientRejected(SsoError):
    """The provider does not accept our client ID or secret."""

    def __init__(self) -> None:
        super().__init__(
            "The identity provider rejected Signalbox's client ID or secret. Ask an admin to correct client_id and client_secret of "
            "[oidc] in signalbox.toml."
        )


class AnswerNotTrusted(SsoError):
    """The answer cannot be trusted; `what` says why."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The answer of the identity provider cannot be trusted: {what}. You were not signed in.")


class ClocksDiffer(SsoError):
    """A validly signed ID token has expired or lies in the future."""

    def __init__(self, by_s: float) -> None:
        difference = duration(min(by_s, CLOCK_DIFFERENCE_MAX_S))
        super().__init__(
            f"The clocks of Signalbox and of the identity provider differ by at least {difference}. "
            "Try again. If that does not help, ask an admin to correct the clock of the Signalbox server."
        )


class UnusableName(SsoError):
    """The name claim is missing or not a valid user name."""

    def __init__(self, claim: str, expected: str) -> None:
        super().__init__(
            f"The identity provider sent no valid user name: the claim {claim} ([oidc] name_claim) must be {expected}."
        )


class NoRole(SsoError):
    """No value of the claim matches a role."""

    def __init__(self, name: str, claim: str) -> None:
        super().__init__(
            f"{name} has no role: no value of the claim {claim} matches an entry of [[oidc.roles]]. Ask an admin for access."
        )


class ClaimMissing(SsoError):
    """The role claim is missing: never sent, or omitted for users without groups, as Keycloak does."""

    def __init__(self, name: str, claim: str) -> None:
        super().__init__(
            f"{name} has no role: the identity provider does not send the claim {claim} ([oidc] claim). Some omit the claim for "
            "users without groups. If no user can sign in, ask an admin to enable the claim for this client, or to add its "
            "scope to [oidc] scopes."
        )
