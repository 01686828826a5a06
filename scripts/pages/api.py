"""Pages of the reference: one for each package with a list of public names, in its order."""

import ast
from pathlib import Path

__all__ = ["api_pages"]

PAGES = {
    "calo4pqvae": "The names that a newcomer needs.",
    "calo4pqvae.boltzmann": "Boltzmann machines, without any shower.",
    "calo4pqvae.annealer": "Sampling on a quantum annealer, or on its emulator.",
    "calo4pqvae.evaluation": "Judging samples of showers.",
    "calo4pqvae.testing": "The suite that a sampler of one's own has to pass.",
    "calo4pqvae.units": "Units: multiply to enter, divide to leave.",
    "calo4pqvae.errors": "What is raised, and what to do about it.",
}
"""What a page is about. Packages without a list of names are left out, modules shown whole."""


def api_pages(source: Path) -> dict[str, str]:
    """Write the reference as Markdown with the directives of mkdocstrings.

    Arguments:
        source: the folder that holds the package.

    Returns:
        Text of each page by its file name.
    """
    pages: dict[str, str] = {}
    shown: set[str] = set()
    for package, about in reversed(PAGES.items()):  # the first has names of all others
        home = source / package.replace(".", "/")
        names = [f"{module}.{name}" for module, name in _public(home)]
        if home.with_suffix(".py").is_file():
            names = [package]
        if names:
            own = "".join(f"\n::: {name}\n" for name in names if name not in shown)
            others = [f"[`{n.rpartition('.')[2]}`][{n}]" for n in names if n in shown]
            links = f"\nOn pages of their own: {', '.join(others)}.\n" if others else ""
            pages[f"{package.rpartition('.')[2]}.md"] = f"# {package}\n\n{about}\n{links}{own}"
            shown |= set(names)
    return pages


def _public(home: Path) -> list[tuple[str, str]]:
    """Modules and names that a package passes on, from its stub or its list of imports."""
    lists = [home / "__init__.pyi", home / "__init__.py"]
    text = next((path.read_text("utf-8") for path in lists if path.is_file()), "")
    return [
        (node.module, alias.name)
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("calo4")
        for alias in node.names
        if alias.name not in {"attach_stub", "__version__"}
    ]
