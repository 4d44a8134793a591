"""How Sphinx makes the site. Whatever it warns of ends the build (packaging/site.sh)."""

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _PROJECT["name"]
release = _PROJECT["version"]
project_copyright = "The telemetryd authors"
extensions = ["myst_parser"]
myst_heading_anchors = 6
suppress_warnings = [
    "misc.highlighting_failure",  # examples are abridged by an ellipsis
    "myst.xref_missing",  # anchors in HTML are no target for Sphinx: `website.py` checks every link of the pages that were made
]
html_theme = "alabaster"
html_title = f"{project} {release}"
html_theme_options = {"description": _PROJECT["description"], "fixed_sidebar": True, "page_width": "1100px", "sidebar_width": "260px"}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_show_sourcelink = False
html_copy_source = False
