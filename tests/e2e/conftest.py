"""Fixtures: an engine, its peers, ports of their own."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.baresip import Baresip  # noqa: E402
from support.capture import Capture  # noqa: E402
from support.engine import PROGRAM, Engine  # noqa: E402
from support.kamailio import Kamailio  # noqa: E402
from support.phone import Phone  # noqa: E402
from support.ports import Ports  # noqa: E402
from support.sipp import Sipp  # noqa: E402
from support.terminal import Terminal  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true",
                     help="the full form of the long proofs")


def pytest_configure(config):
    if not PROGRAM.exists():
        raise pytest.UsageError(
            f"{PROGRAM} is not there; build it, or set MOONDIAL_BUILD")


def pytest_collection_modifyitems(items):
    # those that wait long begin first, so that nobody waits for them
    items.sort(key=lambda item: 0 if item.get_closest_marker("idle") else 1)


@pytest.fixture
def long(request):
    return request.config.getoption("--long")


@pytest.fixture
def ports():
    ports = Ports()
    yield ports
    ports.release()


@pytest.fixture
def engine(request, tmp_path, ports):
    """engine(script, …) starts an engine. At the end of the test each is
    stopped in good order, and its log, its exit and its records looked at."""
    engines = []

    def start(script, *, launch=True, **options):
        options.setdefault("name", f"engine{len(engines) or ''}")
        made = Engine(tmp_path, ports, script, **options)
        engines.append(made)
        return made.start() if launch else made

    yield start
    failed = getattr(request.node, "failed", False)
    for one in reversed(engines):
        if failed:
            one.kill()
    try:
        if not failed:
            for one in reversed(engines):
                one.stop()
    finally:
        for one in engines:
            one.kill()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed
    if report.when == "call" and report.failed:
        folder = item.funcargs.get("tmp_path")
        for log in sorted(folder.glob("engine*/engine.log")) if folder else []:
            text = log.read_text(errors="replace")
            report.sections.append((f"{log.parent.name}", text[-8000:]))


@pytest.fixture
def sipp(tmp_path, ports):
    """sipp(scenario, …) starts SIPp; .done() waits for its success."""
    runs = []

    def start(scenario, **options):
        runs.append(Sipp(tmp_path, ports, scenario, **options))
        return runs[-1]

    yield start
    for run in runs:
        run.kill()


@pytest.fixture
def phone(ports):
    """phone(engine) is a SIP peer of few lines that calls the engine."""
    phones = []

    def make(engine, **options):
        target = options.pop("target", None) or ("127.0.0.1", engine.port)
        phones.append(Phone(ports, target, **options))
        return phones[-1]

    yield make
    for one in phones:
        one.close()


@pytest.fixture
def terminal(ports):
    """terminal(engine) is a telephone that registers with the engine."""
    terminals = []

    def make(engine, **options):
        target = options.pop("target", None) or ("127.0.0.1", engine.port)
        terminals.append(Terminal(ports, target, **options))
        return terminals[-1]

    yield make
    for one in terminals:
        one.close()


@pytest.fixture
def kamailio(tmp_path, ports):
    made = []

    def start(users, **options):
        options.setdefault("name", f"kamailio{len(made) or ''}")
        made.append(Kamailio(tmp_path, ports, users, **options).start())
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def baresip(tmp_path, ports):
    made = []

    def start(**options):
        made.append(Baresip(tmp_path, ports, name=f"baresip{len(made)}",
                            **options))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def capture(tmp_path):
    made = []

    def start(first, last):
        made.append(Capture(tmp_path, first, last, name=f"capture{len(made)}"))
        return made[-1]

    yield start
    for one in made:
        one.stop()
