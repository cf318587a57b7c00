"""How the site is made: ``make docs``. Nothing is downloaded, and every warning is an error."""

import logging
import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("N2S_CACHE", str(HERE / "_build" / "cache"))  # never the user's: examples simulate small studies

import lightning.pytorch  # noqa: E402, F401 (first: see tests/conftest.py)
import matplotlib  # noqa: E402

import n2s  # noqa: E402
from n2s import progress  # noqa: E402

matplotlib.use("Agg")
progress.SOON_S = float(
    "inf"
)  # pages of examples show results, not progress, and nothing that libraries say of themselves
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
for library in ("lightning", "braindecode"):
    warnings.filterwarnings("ignore", module=library)

project = "n2s"
author = "The n2s authors"
copyright = "The n2s authors, BSD-3-Clause"
version = release = n2s.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "reference_pages",
    "glossary_page",
    "data_set_pages",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "_templates", "examples", "**.ipynb", "extend/*.py", "systems/_*", "**/_*.md"]
templates_path = ["_templates"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline", "fieldlist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = ["config.cache"]  # sphinx_gallery_conf holds classes

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["auto_examples"],
    "filename_pattern": r"/plot_",
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 1e9,
    "show_memory": False,
    "abort_on_example_error": True,
    "plot_gallery": "True",
    "notebook_images": False,
    "ignore_repr_types": r"matplotlib|'list'",  # what a last line about a figure returns is not shown
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "n2s"
html_static_path = ["_static"]
html_css_files = ["n2s.css"]
html_favicon = "_static/mark.svg"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"image_light": "_static/mark.svg", "image_dark": "_static/mark.svg", "text": "n2s", "alt_text": "n2s"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "back_to_top_button": True,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"*": []}  # pages of the first level have no pages below them
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
