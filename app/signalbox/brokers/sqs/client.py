"""Calls SQS through aiobotocore. The import costs 0.5 s and 40 MB: connection.py does it in a thread when it connects."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError

from signalbox.brokers.errors import BrokerError, BrokerTimeout, LoginRefused
from signalbox.brokers.sqs.errors import translate
from signalbox.brokers.sqs.settings import SqsSettings

LONG_POLL_S = 20  # a long poll may wait this long beyond the timeout (transport.py)
MODELS = create_loader()  # parses SQS's service model once for all connections: 100 ms and 8 MB
CONNECTIONS = 64  # 16 concurrent reads, and one long poll per consumer

for _library in ("botocore", "aiobotocore"):
    # At DEBUG they log signed headers with the session token; at WARNING a traceback for an expired sign-in.
    logging.getLogger(_library).setLevel(logging.ERROR)


class Client:
    """A signed-in client. Each call has its own timeout, because botocore's do not cover STS, SSO and retries."""

    def __init__(self, settings: SqsSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._retrying: Any = None  # repeats an unanswered request once
        self._single: Any = None  # sends each request once
        self._secrets = settings.secrets()

    @property
    def endpoint(self) -> str:
        """The URL that requests go to, from the settings, the environment, the profile or the region."""
        return str(self._retrying.meta.endpoint_url)

    @property
    def region(self) -> str:
        return str(self._retrying.meta.region_name)

    async def open(self, *, timeout_s: float) -> None:
        """Create the clients and get credentials; sends no request to SQS. Raises BrokerError."""
        session = AioSession(profile=self._settings.profile)
        session.register_component("data_loader", MODELS)
        try:
            async with asyncio.timeout(timeout_s):
                self._retrying = await self._create_client(session, attempts=2, timeout_s=timeout_s)
                self._single = await self._create_client(session, attempts=1, timeout_s=timeout_s)
                if self._settings.access_key_id is None:
                    await self._load_credentials(session)
        except TimeoutError:
            problem = (
                f"Cannot get AWS credentials within {timeout_s:g} s: STS, SSO or the metadata service did not answer."
            )
            hint = "Check the network, or set access_key_id and secret_access_key."
            failure: BrokerError = BrokerTimeout(self._settings.name, problem, hint)
        except (BotoCoreError, ClientError) as error:
            failure = translate(self._settings.name, error, self._redact)
        except ValueError:  # botocore: "Invalid endpoint"
            problem = f"The AWS client library does not accept the host name in {self._settings.endpoint_url}."
            failure = BrokerError(self._settings.name, problem, "Use a name of ASCII letters, digits and hyphens.")
        else:
            return
        raise failure

    async def call(
        self, operation: str, parameters: dict[str, Any], *, timeout_s: float, once: bool = False
    ) -> dict[str, Any]:
        """Call an operation and return its answer. `once`: never repeat a request that SQS may have received.

        Raises BrokerTimeout after `timeout_s`, and the errors of errors.py.
        """
        method = getattr(self._single if once else self._retrying, operation)
        try:
            async with asyncio.timeout(timeout_s):
                answer: dict[str, Any] = await method(**parameters)
        except TimeoutError:
            problem = f"{self._retrying.meta.endpoint_url} did not answer within {timeout_s:g} s."
            failure: BrokerError = BrokerTimeout(self._settings.name, problem, "Check the network.")
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            failure = translate(self._settings.name, error, self._redact, self.region)
        else:
            return answer
        raise failure  # outside `except`: botocore's error as its context could reveal secrets

    async def close(self) -> None:
        await self._stack.aclose()

    async def _create_client(self, session: AioSession, *, attempts: int, timeout_s: float) -> Any:  # noqa: ANN401 - untyped
        settings = self._settings
        keys = (settings.access_key_id, settings.secret_access_key, settings.session_token)
        key_id, secret, token = (key.get_secret_value() if key is not None else None for key in keys)
        context = session.create_client(
            "sqs",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            verify=str(settings.ca_file) if settings.ca_file else (False if settings.insecure_skip_verify else None),
            aws_access_key_id=key_id,  # with keys, botocore never asks the metadata service
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=AioConfig(
                # the default mode retries a dead endpoint five times and a throttled request never
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=timeout_s,
                read_timeout=LONG_POLL_S + timeout_s,
                max_pool_connections=CONNECTIONS,
                warm_up_loader_caches=True,  # loads the service model in a thread
            ),
        )
        return await self._stack.enter_async_context(context)

    async def _load_credentials(self, session: AioSession) -> None:
        """Get the default chain's credentials now, so that a failing role or sign-in fails the connect."""
        credentials = await session.get_credentials()
        if credentials is None:
            hint = "Set access_key_id and secret_access_key, or profile, or AWS_ACCESS_KEY_ID, ~/.aws, or the machine's role."
            raise LoginRefused(self._settings.name, "No AWS credentials were found.", hint)
        frozen = await credentials.get_frozen_credentials()
        self._secrets = tuple(filter(None, (frozen.access_key, frozen.secret_key, frozen.token)))

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
