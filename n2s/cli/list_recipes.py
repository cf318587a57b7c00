"""``n2s recipes``: the recipes that n2s brings along."""

from pathlib import Path


def recipes(find: str = "", copy: str | None = None) -> None:
    """List the recipes and overlays that n2s brings along, or copy one into this folder to change it.

    Parameters
    ----------
    find
        Only those with this word in their name or first line; studies to lay over a recipe, too.
    copy
        Copy the recipe of this name into the current folder.
    """
    from rich.table import Table

    from n2s.cli.recipes import names, recipe_path, recipes_dir
    from n2s.errors import UserError, nearest
    from n2s.paths import written_whole
    from n2s.report.table import wide_console

    if copy is not None:
        source = recipe_path(copy)
        target = Path(source.name)
        if target.exists():
            raise UserError(f"{target} is there already, and is not written over. Move it away, or copy elsewhere.")
        with written_whole(target) as path:
            path.write_text(source.read_text("utf-8"), "utf-8")
        print(f"Written: {target}\nNext: change it, then n2s fit --config {target}")
        return
    told = {name: first_line(recipes_dir() / f"{name}.yaml") for name in names()}
    chosen = {name: text for name, text in told.items() if find.lower() in f"{name} {text}".lower()}
    if not chosen:
        raise UserError(f"no recipe has '{find}' in its name or first line.{nearest(find, list(told))}")
    whole = {name: text for name, text in chosen.items() if "/" not in name} if not find else chosen
    table = Table("name", "what it is", box=None)
    table.columns[0].no_wrap = True
    for name, text in whole.items():
        table.add_row(name, text)
    console = wide_console()
    console.print(table)
    if not find:
        folders = dict.fromkeys(name.rpartition("/")[0] for name in names() if "/" in name)
        console.print(
            "\nMore, and studies to lay over a recipe with a second --config (n2s recipes --find WORD says what they are):"
        )
        for folder in folders:
            inside = [name.rpartition("/")[2] for name in names() if name.rpartition("/")[0] == folder]
            console.print(f"  {folder}/  {', '.join(inside)}", highlight=False)
    print("\nNext: n2s fit --config NAME, or n2s recipes --copy NAME to get its file and change it")


def first_line(recipe: Path) -> str:
    """What a recipe says of itself in its first line."""
    lines = recipe.read_text("utf-8").splitlines()
    return lines[0].lstrip("# ").split(": trains on")[0] if lines and lines[0].startswith("#") else ""
