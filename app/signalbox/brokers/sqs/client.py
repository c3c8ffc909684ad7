"""aiobotocore, behind one method. Importing this costs 0.5 s and 40 MB: account.py does it, in a thread, when it connects."""

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
from signalbox.brokers.sqs.faults import translated
from signalbox.brokers.sqs.settings import SqsSettings

LONG_POLL_S = 20  # for how long a call may wait for its answer to begin, beyond the timeout: transport.py
MODELS = create_loader()  # SQS's service model, parsed once for every connection and reconnect: 100 ms and 8 MB
CONNECTIONS = 64  # 16 readers, and a long poll for each consumer

for _library in ("botocore", "aiobotocore"):
    # At DEBUG they log the headers that they sign, a session token among them; at WARNING a traceback for an expired sign-in,
    # which we report ourselves.
    logging.getLogger(_library).setLevel(logging.ERROR)


class Client:
    """One signed-in client. Every call ends within its own timeout: botocore's do not cover STS, SSO and its retries."""

    def __init__(self, settings: SqsSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._again: Any = None  # tries an unanswered request once more
        self._once: Any = None  # never sends twice
        self._secrets = settings.secrets()

    async def open(self, *, timeout_s: float) -> None:
        """Make the clients and find credentials; asks SQS nothing.

        Raises:
            BrokerError: no region, no credentials, or the chain did not answer in time.
        """
        session = AioSession(profile=self._settings.profile)
        session.register_component("data_loader", MODELS)
        try:
            async with asyncio.timeout(timeout_s):
                self._again = await self._client(session, attempts=2, timeout_s=timeout_s)
                self._once = await self._client(session, attempts=1, timeout_s=timeout_s)
                if self._settings.access_key_id is None:
                    await self._chain(session)
        except TimeoutError:
            refused: BrokerError = BrokerTimeout(
                self._settings.name,
                f"AWS credentials could not be had in {timeout_s:g} s: STS, SSO or the metadata address gave no answer.",
                "Check the network from here, or set access_key_id and secret_access_key.",
            )
        except (BotoCoreError, ClientError) as error:
            refused = translated(self._settings.name, error, self._hide)
        else:
            return
        raise refused

    async def call(
        self, operation: str, parameters: dict[str, Any], *, timeout_s: float, once: bool = False
    ) -> dict[str, Any]:
        """Ask, and return the answer. `once`: do not repeat what may have arrived.

        Raises:
            BrokerError: see faults.py; BrokerTimeout after `timeout_s`.
        """
        method = getattr(self._once if once else self._again, operation)
        try:
            async with asyncio.timeout(timeout_s):
                answer: dict[str, Any] = await method(**parameters)
        except TimeoutError:
            found = f"{self._again.meta.endpoint_url} gave no answer in {timeout_s:g} s."
            refused: BrokerError = BrokerTimeout(self._settings.name, found, "Check the network from here.")
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            refused = translated(self._settings.name, error, self._hide)
        else:
            return answer
        raise refused  # out here: as its context, their error would carry along what ours hides

    async def close(self) -> None:
        await self._stack.aclose()

    async def _client(self, session: AioSession, *, attempts: int, timeout_s: float) -> Any:  # noqa: ANN401 - untyped
        settings = self._settings
        keys = (settings.access_key_id, settings.secret_access_key, settings.session_token)
        key_id, secret, token = (key.get_secret_value() if key is not None else None for key in keys)
        context = session.create_client(
            "sqs",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            verify=str(settings.ca_file) if settings.ca_file else (False if settings.insecure_skip_verify else None),
            aws_access_key_id=key_id,  # given keys skip the chain: the metadata address is never asked
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=AioConfig(
                # The default mode tries a dead endpoint five times and a throttled request never again.
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=timeout_s,
                read_timeout=LONG_POLL_S + timeout_s,
                max_pool_connections=CONNECTIONS,
                warm_up_loader_caches=True,  # reads its service model in a thread
            ),
        )
        return await self._stack.enter_async_context(context)

    async def _chain(self, session: AioSession) -> None:
        """Have the default chain's credentials now: a role's or a sign-in's fault belongs to connecting."""
        credentials = await session.get_credentials()
        if credentials is None:
            raise LoginRefused(
                self._settings.name,
                "no AWS credentials were found.",
                "Set access_key_id and secret_access_key, or profile, or AWS_ACCESS_KEY_ID, ~/.aws, the machine's role.",
            )
        frozen = await credentials.get_frozen_credentials()
        self._secrets = tuple(filter(None, (frozen.access_key, frozen.secret_key, frozen.token)))

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
