"""The project keeps its own rules: who imports whom, who touches what, what each file says."""

import ast
import os
import pkgutil
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from support.paths import ROOT

PACKAGES = ["codat", "relay", "receiver", "workers", "scheduler", "portal", "cli", "sandbox"]
PROCESSES = ["receiver", "workers", "scheduler", "portal"]

# What each package may import besides itself.
ALLOWED: dict[str, set[str]] = {
    "codat": set(),
    "relay": {"codat"},
    **{process: {"codat", "relay"} for process in PROCESSES},
    "sandbox": {"codat"},
    "cli": {"codat", "relay", *PROCESSES, "sandbox"},
}

# Where alone a library may be imported: packages, or files.
LIBRARIES: dict[str, set[str]] = {
    "flask": {"receiver", "portal", "sandbox", "cli"},
    "flask_openapi": {"portal"},
    "rq": {"relay/queues.py", "workers/worker.py"},
    "apscheduler": {"scheduler/clock.py"},
    "requests": {"codat/transport.py", "sandbox", "cli"},
    "redis": {"relay", "receiver", "workers", "scheduler", "portal", "cli"},
    "granian": {"cli"},
    "click": {"cli"},
    "rich": {"cli"},
    "dotenv": {"relay/environment.py"},
    "pydantic_settings": {"relay/settings.py"},
}
UNWANTED = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}
ENVIRONMENT = {
    "relay/settings.py",
    "relay/environment.py",  # reads `.env` for it
    "cli/commands/web.py",  # sets what its processes inherit
    "cli/commands/up.py",  # hands a copy on to the processes it starts
}
PURE = [
    *(f"codat/{name}.py" for name in ("legacy", "names", "records", "statuses", "webhook")),
    "relay/companies/company.py",
    "relay/syncs/cadence.py",
    "workers/inbox/outcome.py",
]
SCRIPTS = sorted((ROOT / "relay/store").glob("*/lua/*.lua"))
MAX_TEST_NAME = 65  # letters after `test_`
KEY_WRITERS = {"relay/store/keys.py"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the packages by its path, parsed."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths
    }


def imported(path: str) -> set[str]:
    """The full names a module imports, wherever in it they stand."""
    names = set()
    for node in ast.walk(modules()[path]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def tops(path: str) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def within(path: str, places: set[str]) -> bool:
    return path in places or path.partition("/")[0] in places


def test_the_packages_are_all_there():
    assert all(f"{package}/__init__.py" in modules() for package in PACKAGES)
    assert set(ALLOWED) == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    wrong = [
        f"{path} imports {name}"
        for path in modules()
        if path.startswith(f"{package}/")
        for name in tops(path) & set(PACKAGES)
        if name != package and name not in ALLOWED[package]
    ]
    assert not wrong


def import_graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Return which module imports which, by name; imports for type checkers alone count too."""
    names = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in trees
    }
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        found = set()
        for node in ast.walk(trees[path]):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {one if one in names else str(node.module) for one in full}
        graph[name] = (found & set(names)) - {name}
    return graph


def import_cycles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules on a cycle, or that import from one: what is left has no first module."""
    left = dict(graph)
    while free := {name for name in left if not left[name] & set(left)}:
        left = {name: imports for name, imports in left.items() if name not in free}
    return sorted(left)


def test_no_module_imports_itself_through_others():
    assert import_cycles(import_graph(modules())) == []


def test_the_search_for_import_cycles_finds_one_for_type_checkers():
    sources = {
        "relay/__init__.py": "",
        "relay/one.py": "from relay import two",
        "relay/two.py": "if TYPE_CHECKING:\n    from relay.three import Three",
        "relay/three.py": "def f():\n    import relay.one",
        "relay/four.py": "import relay\nfrom relay.two import x",
        "relay/five.py": "import os",
    }
    graph = import_graph({path: ast.parse(source) for path, source in sources.items()})
    assert import_cycles(graph) == ["relay.four", "relay.one", "relay.three", "relay.two"]
    graph["relay.three"].clear()
    assert import_cycles(graph) == []


# What may import by name from a package above its own, and from where.
FINDS_BY_LOOKING = {
    # A handler's file declares the types of event that the handler logs. Whoever reads the log
    # needs them too, and may not import workers; a list here would be one more place to edit.
    "relay/events/catalogue.py": {"workers.inbox.handlers"},
    # A kind of intent is a file of workers; the portal must know which kinds there are.
    "relay/store/intents/kinds.py": {"workers.intents.kinds"},
}


def test_an_import_by_name_stays_in_its_own_package():
    """The router finds handlers so, and the command line its commands; exceptions are listed."""
    for path, tree in modules().items():
        if path in FINDS_BY_LOOKING:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and "import_" in ast.unparse(node.func):
                name = ast.unparse(node.args[0]).lstrip("f'\"")
                assert name.startswith(path.partition("/")[0] + "."), f"{path}: {name}"


@pytest.mark.parametrize("path", FINDS_BY_LOOKING)
def test_a_listed_exception_names_no_other_package(path):
    own = path.partition("/")[0]
    named = {
        node.value
        for node in ast.walk(modules()[path])
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"\w+(\.\w+)+", node.value)
        and node.value.partition(".")[0] in set(PACKAGES) - {own}
    }
    assert named == FINDS_BY_LOOKING[path]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_only_where_it_belongs(library):
    users = {path for path in modules() if library in tops(path)}
    assert users, f"nobody imports {library}"
    assert {path for path in users if not within(path, LIBRARIES[library])} == set()


def test_nothing_is_pickled():
    assert {path for path in modules() if tops(path) & UNWANTED} == set()
    serializers = {
        name
        for path in modules()
        for name in imported(path)
        if name.startswith("rq.") and "erializer" in name
    }
    assert serializers == {"rq.serializers.JSONSerializer"}


def test_only_the_settings_read_the_environment():
    readers = set()
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used = f"{node.value.id}.{node.attr}"
                if used in ("os.environ", "os.environb", "os.getenv", "os.putenv"):
                    readers.add(path)
        if imported(path) & {"os.environ", "os.getenv", "os.environb"} or "dotenv" in tops(path):
            readers.add(path)
    assert readers == ENVIRONMENT


def test_only_the_store_spells_redis_keys():
    spelled = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".lua") and "{relay}" in path.read_text(encoding="utf-8")
    }
    assert spelled == KEY_WRITERS
    users = {
        p for p in modules() if any(f"{n}.".startswith("relay.store.keys.") for n in imported(p))
    }
    assert users
    assert {path for path in users if not path.startswith("relay/store/")} == set()


@pytest.mark.parametrize("path", PURE)
def test_rules_and_records_do_no_io(path):
    forbidden = {"os", "io", "socket", "requests", "redis", "pathlib", "subprocess", "threading"}
    assert tops(path) & (forbidden | {"time", "random", "secrets"}) == set()
    called = {
        node.func.id
        for node in ast.walk(modules()[path])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called & {"open", "print", "input", "exec", "eval"} == set()


RECORDS = {"dataclasses", "pydantic", "typing"}


def test_handlers_do_no_io_and_know_no_store():
    for path in modules():
        if path.startswith("workers/inbox/handlers/"):
            names = imported(path)
            known = {name for name in names if name.partition(".")[0] in PACKAGES}
            assert not any(name.startswith(("relay.store", "relay.queues")) for name in known), path
            libraries = tops(path) - set(PACKAGES)
            assert libraries <= {
                "collections",
                "dataclasses",
                "typing",
                "re",
                "datetime",
                "pydantic",
            }, path


def test_drains_and_the_receiver_cannot_call_codat():
    """The client is known where calls are made: by `perform` and what stands behind it."""
    users = {
        path
        for path in modules()
        if not path.startswith(("codat/", "sandbox/"))
        and any(
            name.startswith(("codat.client.Codat", "codat.transport")) for name in imported(path)
        )
    }
    assert not any(path.startswith(("receiver/", "workers/inbox/handlers/")) for path in users)
    assert "workers/inbox/drain.py" not in users
    assert "workers/inbox/fold.py" not in users


@pytest.mark.parametrize("path", sorted(modules()))
def test_every_module_says_what_it_is_for(path):
    doc = ast.get_docstring(modules()[path])
    assert doc, f"{path} has no docstring"
    first = doc.splitlines()[0]
    assert first.endswith((".", "?", "!")), f"{path}: the first line is a sentence: {first!r}"


def test_no_module_hides_its_purpose_behind_a_drawers_name():
    drawers = {"utils", "util", "common", "misc", "helpers"}
    assert {path for path in modules() if Path(path).stem in drawers} == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_states_arguments_result_and_safe_resend(script):
    head = []
    for line in script.read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        head.append(line.removeprefix("--").strip())
    assert head, f"{script.name} has no head comment"
    if script.name.startswith("_"):
        return  # a piece of other scripts, which is never sent by itself
    for word in ("KEYS", "ARGV", "Returns", "Resend:"):
        assert any(line.startswith(word) for line in head), f"{script.name} does not say {word}"


def test_every_script_is_loaded_and_every_one_loaded_is_there():
    tree = modules()["relay/store/scripts.py"]
    loaded = {
        node.args[1].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_script"
        and isinstance(node.args[1], ast.Constant)
    }
    assert loaded == {path.stem for path in SCRIPTS if not path.name.startswith("_")}


WATCHED_IMPORT = """
import importlib, sys
from contextlib import suppress

WRITING = set("wax+")

def refuse(event, args):
    acting = event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn"))
    changing = event in ("os.mkdir", "os.remove", "os.rename", "os.putenv", "shutil.rmtree")
    writing = event == "open" and isinstance(args[1], str) and WRITING & set(args[1])
    if (acting and event not in QUIET) or changing or writing:
        raise RuntimeError(f"{event} {args!r:.200}")

# Asked by libraries about this machine alone; nothing leaves it.
QUIET = {"socket.gethostname"}
# Only our own modules are held to the rule, so libraries come first.
for name in sys.argv[1].split(","):
    with suppress(ModuleNotFoundError):  # one that only type checkers see
        importlib.import_module(name)
sys.addaudithook(refuse)
for name in sys.argv[2].split(","):
    try:
        importlib.import_module(name)
    except Exception as error:
        sys.exit(f"{name}: {type(error).__name__}: {error}")
import threading
others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
sys.exit(f"threads were started: {others}" if others else 0)
"""


def test_nothing_happens_at_import():
    """All modules are imported where every socket, process, written file and thread is refused."""
    names = sorted(
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in modules()
    )
    libraries = sorted(
        name
        for name in {name.rpartition(".")[0] or name for p in modules() for name in imported(p)}
        if name.partition(".")[0] not in PACKAGES and name != "__future__"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_IMPORT, ",".join(libraries), ",".join(names)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_the_watch_over_imports_can_fail(tmp_path):
    (tmp_path / "loud.py").write_text("import socket\nsocket.socket()\n")
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_IMPORT, "socket", "loud"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "loud: RuntimeError: socket.__new__" in done.stderr


def test_every_handler_file_has_a_test_file_of_its_own():
    from workers.inbox import handlers

    names = {module.name for module in pkgutil.iter_modules(handlers.__path__)}
    tests = {path.stem for path in (ROOT / "tests").glob("*/handlers/test_*.py")}
    assert tests == {f"test_{name}" for name in names}


def test_every_kind_of_intent_has_a_test_file_of_its_own():
    from workers.intents import kinds

    names = {module.name for module in pkgutil.iter_modules(kinds.__path__)}
    tests = {path.stem for path in (ROOT / "tests").glob("*/intent_kinds/test_*.py")}
    assert tests == {f"test_{name}" for name in names}


def test_nobody_names_a_machine():
    """No path of somebody's home stands in code or settings."""
    files = [ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / "Procfile"]
    files += [ROOT / path for path in modules()] + SCRIPTS
    homes = ("/home/", "/Users/", "/root/")
    assert [f.name for f in files if any(h in f.read_text(encoding="utf-8") for h in homes)] == []


def test_every_test_has_a_short_name_unique_in_its_file():
    """A second test of one name would silently replace the first."""
    wrong = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        names = [node.name for node in defined if node.name.startswith("test_")]
        long = {name for name in names if len(name.removeprefix("test_")) > MAX_TEST_NAME}
        wrong += [
            f"{path.name}: {name}" for name in {n for n in names if names.count(n) > 1} | long
        ]
    assert wrong == []
