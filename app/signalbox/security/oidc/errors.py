"""Why nobody was signed in by a company account: each cause in a sentence for the page, with no word of the provider's."""

from signalbox.kernel.figures import duration
from signalbox.security.errors import RequestRejected

CLOCK_DIFFERENCE_MAX_S = 366 * 86_400  # a longer one is told as this: the provider may send any number


class CompanyAccountError(RequestRejected):
    """Nobody was signed in."""


class SignInNotPending(CompanyAccountError):
    """What came back does not belong to a sign-in that this browser began a short time ago."""

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was not begun in this browser, was finished already, or took too long. Begin again."
        )


class SignInCanceled(CompanyAccountError):
    """The person, or the provider's rules, said no."""

    def __init__(self) -> None:
        super().__init__("The sign-in was cancelled at the company account, or is not allowed there. Nothing was done.")


class ProviderUnreachable(CompanyAccountError):
    """No answer, or none in time."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The company account's server {host} does not answer. Try again in a while, or sign in with a password."
        )


class CertificateNotTrusted(CompanyAccountError):
    """Something answers there that we have no reason to believe."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The certificate of the company account's server {host} is not trusted here. An admin has to name its "
            "authority: [oidc] ca_file."
        )


class ProviderError(CompanyAccountError):
    """An answer that is not what OpenID Connect asks for. `what` is ours, not the provider's."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The company account's server gave a wrong answer: {what}. An admin can find more in the log."
        )


class ClientRejected(CompanyAccountError):
    """The provider does not know this installation, or its secret is another."""

    def __init__(self) -> None:
        super().__init__(
            "The company account's server does not accept this Signalbox. An admin has to put right client_id and "
            "client_secret of [oidc] in signalbox.toml."
        )


class AnswerNotTrusted(CompanyAccountError):
    """An ID token that may not be believed. `what` is wrong with it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"What came from the company account cannot be trusted: {what}. You were not signed in.")


class ClocksDiffer(CompanyAccountError):
    """A rightly signed ID token is over already, or of the future."""

    def __init__(self, by_s: float) -> None:
        told = duration(min(by_s, CLOCK_DIFFERENCE_MAX_S))
        super().__init__(
            f"The clocks of this Signalbox and of the company account's server differ by at least {told}. "
            "Try again; if it stays so, an admin has to set the clock right."
        )


class UnusableName(CompanyAccountError):
    """The claim that names the user is missing, or cannot be a name here."""

    def __init__(self, claim: str, expected: str) -> None:
        super().__init__(
            f"The company account gives no name that can be used here: the claim {claim} ([oidc] name_claim) has to be "
            f"{expected}."
        )


class NoRole(CompanyAccountError):
    """The claim gives nothing."""

    def __init__(self, name: str, claim: str) -> None:
        super().__init__(
            f"{name} has no role here: no value of the claim {claim} fits one of [[oidc.roles]]. Ask an admin for a way in."
        )


class ClaimMissing(CompanyAccountError):
    """The claim that gives roles is not there at all: never sent, or left out for who is in no group, as Keycloak does."""

    def __init__(self, name: str, claim: str) -> None:
        super().__init__(
            f"{name} has no role here: the company account does not send the claim {claim} ([oidc] claim). It may be left "
            "out for who has no group there. If nobody gets in, an admin has to add it for this client there, or its scope "
            "to [oidc] scopes."
        )
