"""Hostile names as a broker may report them. Every page, URL and fragment must handle them."""

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "quotes": '"\'`><b onmouseover="x">',
    "slashes": "a/b//c/",
    "percent": "100%25 %2F %00",
    "dots": "..",
    "tilde": "~..",
    "query": "a?b=c&d#e;f",
    "template": "{{ 7*7 }}{% raw %}",
    "emoji": "\U0001f469\u200d\U0001f680 caf\u00e9",
    "bidi": "safe\u202efdp.exe\u2066",
    "controls": "line\nfeed\ttab\x00nul\x1b[31m",
    "spaces": "  two  spaces\u00a0",
    "right to left": "\u05e9\u05dc\u05d5\u05dd orders",
    "longest": "x" * 249,
    "longest emoji": "\U0001f680" * 249,
    "combining": "z" + "\u0301" * 200,
    "too long": "y" * 5000,
    "empty": "",
    "blank": " ",
    "only a tilde": "~",
}
