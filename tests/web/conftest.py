"""What makes hundreds of applications in one process cheap."""

from collections.abc import Iterator

import jinja2
import pytest
from jinja2.bccache import Bucket
from typing_extensions import override

from tests.support.accounts import cheap_hasher


class _CompiledTemplates(jinja2.BytecodeCache):
    """Compiled templates in memory; a bucket's key is the template's path and source."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], bytes] = {}

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(code)

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(scope="module", autouse=True)  # not the session: a worker runs other folders after this one
def _hash_cheaply() -> Iterator[None]:
    with cheap_hasher():
        yield


@pytest.fixture(scope="session", autouse=True)
def _compile_each_template_once() -> Iterator[None]:
    cache = _CompiledTemplates()
    with pytest.MonkeyPatch.context() as patch:
        kept = property(lambda _: cache, lambda _, __: None)  # the constructor sets it to None
        patch.setattr(jinja2.Environment, "bytecode_cache", kept, raising=False)
        yield
