"""Owns the plain look of the sandbox's own pages (mails, seller pages). No vendor's design is imitated."""

from flask import render_template_string

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
*{box-sizing:border-box}
body{margin:0;background:#f3f4f6;color:#1f2430;font:15px/1.55 system-ui,"Liberation Sans",Arial,sans-serif}
.bar{background:{{ accent }};color:#fff;padding:12px 20px;display:flex;gap:6px 16px;flex-wrap:wrap;align-items:baseline}
.bar strong{font-size:17px}.bar a{color:#fff}
main{max-width:{{ width }}px;margin:24px auto;padding:0 16px}
.card{background:#fff;border:1px solid #dfe2e8;border-radius:10px;padding:20px;
margin-bottom:16px;overflow-wrap:anywhere}
h1{font-size:21px;line-height:1.3;margin:0 0 12px}h2{font-size:16px;margin:0 0 8px}p{margin:0 0 12px}
table{width:100%;border-collapse:collapse}
td,th{text-align:left;padding:8px;border-bottom:1px solid #eceef2;vertical-align:top}
th{font-weight:600;color:#545b6b}ul{margin:0 0 12px;padding-left:20px}
button,.button{font:inherit;font-weight:600;border:1px solid #b9bec9;border-radius:8px;background:#fff;color:#1f2430;
padding:9px 16px;cursor:pointer;text-decoration:none;display:inline-block}
button.primary{background:{{ accent }};border-color:{{ accent }};color:#fff}
button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid #7aa7ff;outline-offset:2px}
form.row,.row{display:flex;gap:10px;flex-wrap:wrap;align-items:center}
.seller{display:flex;justify-content:space-between;gap:12px;align-items:center;flex-wrap:wrap;padding:10px 0;
border-bottom:1px solid #eceef2}
.quiet{color:#545b6b}pre{white-space:pre-wrap;margin:0;font:13px/1.5 ui-monospace,"Liberation Mono",monospace}
iframe{width:100%;height:640px;border:1px solid #dfe2e8;border-radius:8px;background:#fff}
@media(max-width:520px){thead{position:absolute;left:-9999px}
tr{display:block;padding:8px 0;border-bottom:1px solid #eceef2}
td,th{display:block;border:0;padding:1px 0}}
</style>
</head>
<body>
<header class="bar"><strong>{{ bar }}</strong><span>stand-in for the demo, not the real site</span>
{% if back %}<a href="{{ back[0] }}">{{ back[1] }}</a>{% endif %}</header>
<main>BODY</main>
</body>
</html>
"""


def page(body: str, *, title: str, bar: str, accent: str = "#33415c", width: int = 760, **values: object) -> str:
    """Render a Jinja body inside the frame; `values` are escaped. `back=(href, text)` shows a link in the bar."""
    values.setdefault("back", None)
    return render_template_string(
        _PAGE.replace("BODY", body), title=title, bar=bar, accent=accent, width=width, **values
    )
