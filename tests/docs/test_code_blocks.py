"""Every code block of the documents: what it says can be typed is what runs.

Shell blocks are read line by line as the programs that they call would read them, without being run. Python blocks are
run, those of a document one after the other in one namespace. One that can't be has `<!-- not run: why -->` on the
line before it; it is compiled, and what it imports is imported.
"""

import ast
import functools
import importlib
import re
import shlex

import pytest
import tyro

from tests.docs.markdown import DOCUMENTS, ROOT, Block, all_blocks, blocks_of
from tests.test_commands import find_commands

BLOCKS = all_blocks()
# Written for reading: what a fence may say besides sh and python.
PLAIN = {"text", "csv"}
# Python blocks that are not run; a new one has to be argued for.
MOST_NOT_RUN = 2

COMMAND = re.compile(r"(drivesim|agents|datasets|benchmarks)\.\w+|docs\.examples\.\w+")
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
VARIABLES = re.findall(r"^([A-Z]+) \?=", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
EXTRAS = re.compile(r"\.\[([\w,]+)\]")


def shell_lines(block):
    """The commands of a shell block, one a line; `&&` parts them, a backslash at the end goes on."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            yield words[:end]
            words = words[end + 1 :]


def check_python(words):
    """What follows `python`: a command of the project, its options as it would read them; or the standard library's."""
    if words[0] == "-m":
        name, arguments = words[1], words[2:]
        if name == "http.server":
            return
        assert COMMAND.fullmatch(name), f"python -m {name}: no command of this project"
    else:
        assert words[0] == "play.py", f"python {words[0]}: no program of this project"
        name, arguments = "play", words[1:]
    module = importlib.import_module(name)
    if hasattr(module, "Args"):
        tyro.cli(module.Args, args=arguments)
    else:  # an example, whose options are its function's: the same function, doing nothing
        tyro.cli(functools.wraps(module.main)(lambda **_: None), args=arguments)


def check_make(words):
    assert words, "make: no target"
    for word in words:
        variable, given, _ = word.partition("=")
        assert (variable in VARIABLES) if given else (word in TARGETS), f"make {word}: the Makefile has no such thing"


def check_pip(words):
    assert words[0] == "install", f"pip {words[0]}"
    for word in words[1:]:
        for extra in re.findall(r"\w+", (EXTRAS.fullmatch(word) or [""])[0]):
            assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8"), f"no extra {extra}"


def check_torchrun(words):
    at = words.index("-m")
    assert re.fullmatch(r"--nproc-per-node \d+", " ".join(words[:at]))
    check_python(words[at:])


def check_line(words):
    """Refuse a command line that would not run; one of a program that nobody here knows is refused, too."""
    program, rest = words[0], words[1:]
    if program == ".":
        assert rest == [".venv/bin/activate"]
    elif program.startswith(".venv/bin/"):
        assert program.rpartition("/")[2] == "pre-commit", words  # an entry of the extra `dev`
    else:
        programs = {"python": check_python, "make": check_make, "pip": check_pip, "torchrun": check_torchrun}
        assert program in programs, f"{program}: not a program that this test knows"
        programs[program](rest)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "sh"], ids=str)
def test_every_line_of_a_shell_block_would_run(block):
    lines = list(shell_lines(block))
    assert lines
    for words in lines:
        check_line(words)


def of_documents():
    """The Python blocks that are run, by document."""
    found = {}
    for block in BLOCKS:
        if block.language == "python" and not block.reason:
            found.setdefault(block.document, []).append(block)
    return found


@pytest.mark.parametrize(("document", "blocks"), of_documents().items())
def test_the_python_blocks_of_a_document_run_in_order(document, blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": document}
    for block in blocks:
        exec(compile("\n" * block.line + block.text, ROOT / document, "exec"), namespace)


def test_few_python_blocks_are_not_run_and_those_import_what_there_is():
    kept = [block for block in BLOCKS if block.language == "python" and block.reason]
    assert len(kept) <= MOST_NOT_RUN
    for block in kept:
        for node in ast.walk(ast.parse(block.text, str(block))):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), str(block)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


def test_no_block_is_of_a_language_that_nothing_reads():
    assert {block.language for block in BLOCKS} <= {"sh", "python"} | PLAIN
    assert not [str(block) for block in BLOCKS if block.reason and block.language != "python"]


def test_the_page_of_commands_names_every_command_and_target():
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    lines = [words for block in blocks_of(page, "commands.md") for words in shell_lines(block)]
    named = {words[2] if words[1] == "-m" else "play" for words in lines if words[0] == "python"}
    assert named == set(find_commands())
    documented = {
        line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ": " in line and "## " in line
    }
    assert {words[1] for words in lines if words[0] == "make"} == documented


def test_both_readmes_say_the_same_commands():
    english, chinese = (
        [words for block in BLOCKS if block.document == name and block.language == "sh" for words in shell_lines(block)]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert chinese == english
    python = [
        [b.text for b in BLOCKS if b.document == n and b.language == "python"] for n in ("README.md", "README.zh-CN.md")
    ]
    assert [re.sub(r"#.*", "", text) for text in python[0]] == [re.sub(r"#.*", "", text) for text in python[1]]


def test_the_files_that_a_document_of_the_checkout_points_to_are_there():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


def test_the_modules_and_tests_that_a_document_names_are_there():
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for named in re.findall(r"`((?:drivesim|datasets|agents|benchmarks|tests|docs/examples)/[\w./]*)`", text):
            assert (ROOT / named).exists(), f"{path.relative_to(ROOT)}: {named}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_command_lines_within_sentences_are_known(path):
    """Such as `agents.train --freeze`: the command is there, and has the option."""
    for name, options in re.findall(
        r"`((?:drivesim|agents|datasets|benchmarks)\.\w+|play\.py)((?: [^`]*)?)`", path.read_text()
    ):
        module = name.removesuffix(".py") if name.startswith("play") else name
        if not (ROOT / f"{module.replace('.', '/')}.py").exists():
            assert (ROOT / module.replace(".", "/")).is_dir(), f"{path.name}: {name}"
            continue
        known = getattr(importlib.import_module(module), "Args", None)
        for option in re.findall(r"--(?:no-)?([a-z-]+)", options):
            assert option.replace("-", "_") in known.__dataclass_fields__, f"{path.name}: {name} --{option}"


@pytest.mark.parametrize(
    "line",
    [
        "python -m agents.fly --out x",
        "python -m agents.record --height 3",
        "python -m agents.record",
        "python -m agents.train --data laps --epochs many --out policy",
        "python -m docs.examples.own_controller --wings 2",
        "python -m docs.examples.clone_thirty_seconds",
        "python play.py --policy",
        "python drive.py",
        "make tea",
        "make setup SUGAR=2",
        "pip install -e '.[wings]'",
        "torchrun --nproc-per-node 2 -m agents.train --data laps",
        "rm -rf laps",
        "make setup && python -m agents.fly",
    ],
)
def test_a_line_that_would_not_run_is_noticed(line):
    with pytest.raises((AssertionError, SystemExit, ModuleNotFoundError)):
        for words in shell_lines(Block("made up", 1, "sh", line)):
            check_line(words)


def test_blocks_are_found_with_their_language_and_their_reason():
    text = "a\n```sh\nmake test\n```\n<!-- not run: needs a car -->\n```python\ndrive()\n```\n"
    assert blocks_of(text, "x.md") == [
        Block("x.md", 2, "sh", "make test\n"),
        Block("x.md", 6, "python", "drive()\n", "needs a car"),
    ]
    with pytest.raises(AssertionError, match="has no end"):
        blocks_of("```python\n", "x.md")
