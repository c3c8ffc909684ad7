"""Front-end files for tests that do not need npm."""

import functools

from signalbox.web.assets import Asset, Assets, load


@functools.cache
def whole_assets() -> Assets:
    """The assets of this checkout; where npm was not run, vendored files are there but empty."""
    found = load()
    empty = Asset(content=b"", gzipped=None, type="text/javascript")
    files = {**found.files, **{f"vendor/{name}": empty for name in found.missing}}
    return Assets(files=files, build=found.build, missing=())
