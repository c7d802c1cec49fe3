"""What the documentation says is what the program does: names, options,
commands, tables and snippets, both ways round."""
import re

import pytest

from support.engine import ROOT, moondial

LUA = (ROOT / "docs/lua.md").read_text()
OPERATIONS = (ROOT / "docs/operations.md").read_text()
PAGES = {str(p.relative_to(ROOT)): p.read_text()
         for p in [ROOT / "README.md", *ROOT.glob("docs/*.md"),
                   *ROOT.glob("examples/*/README.md")]}
SCRIPT = ROOT / "engine/script"
LATER = LUA[LUA.index("\n## Not available yet"):]
NOW = LUA[:LUA.index("\n## Not available yet")]

# the C function that fills a table → how its entries are called in Lua
PREFIX = [
    (r"\w+_add_call|call_open", "call:"),
    (r"\w+_add_moon|moon_push", "moon."),
    (r"play(back)?_open", "playback:"), (r"record_open", "recorder:"),
    (r"task_open", "task:"), (r"timer_open", "timer:"),
    (r"event_open", "subscription:"), (r"db_push", "moon.db."),
    (r"cdr_push", "moon.cdr."), (r"csv_push", "moon.csv."),
    (r"json_table_push", "moon.json."), (r"numbers_push", "moon.numbers."),
    (r"phone_push", "moon.phone."), (r"leads_add_csv", "moon.csv."),
    (r"log_push", "moon.log."),
]


def prefix_of(function):
    return next((p for name, p in PREFIX if re.fullmatch(name, function)),
                None)


def registered():
    """All names that scripts can call or read, as they are written in Lua."""
    names = set()
    for path in SCRIPT.glob("*.c"):
        function = ""
        for line in path.read_text().splitlines():
            begin = re.match(r"(?:static )?\w[\w ]* \*?(\w+)\(", line)
            if begin and not line.startswith("\t"):
                function = begin[1]
            prefix = prefix_of(function)
            if not prefix:
                continue
            found = re.findall(r'\{"(\w+)", l_\w+\}', line)
            found += re.findall(r'lua_setfield\(L, -2, "([a-z]\w*)"\)', line)
            names.update(prefix + name for name in found)
    return names | {"call:" + verb for verb in runtime_verbs()}


def runtime_verbs():
    """Verbs of a call that are written in Lua."""
    text = (SCRIPT / "lua_call.c").read_text()
    body = text[text.index("push_runtime_verb("):]
    return re.findall(r'\{"(\w+)", "moondial\.\w+"\}', body)


def strings(path, start):
    """The texts of the C array that begins with START."""
    text = path.read_text()
    body = text[text.index(start):]
    return re.findall(r'"(\w+)"', body[:body.index("};")])


FIELDS = strings(SCRIPT / "lua_call.c", "fields[] = {")
CALL_LATER = strings(SCRIPT / "lua_call.c", "later[] = {")
MOON_LATER = strings(SCRIPT / "lua_moon.c", "later[] = {")


def test_the_parser_finds_the_interface():
    names = registered()
    for known in ("call:gather", "moon.dial", "moon.on_call", "moon.db.query",
                  "playback:seek", "task:wait", "recorder:mask", "moon.args",
                  "subscription:cancel", "timer:cancel", "moon.json.null"):
        assert known in names
    assert len(names) > 75
    assert len(FIELDS) > 25


def test_each_function_of_the_program_is_in_the_reference():
    def told(name):
        if re.search(re.escape(name) + r"\b", NOW):
            return True
        owner, last = re.match(r"(.*[.:])(\w+)$", name).groups()
        # "moon.log.debug(format, …)`, `.info`"
        return owner == "moon.log." and f"`.{last}`" in NOW

    assert not sorted(n for n in registered() if not told(n))


def test_each_name_in_the_reference_is_in_the_program():
    known = registered() | {"call." + f for f in FIELDS}
    known |= {n.replace(":", ".") for n in known}
    known |= {"moon.config.campaign"}
    said = set(re.findall(r"\b(?:call|moon|playback|recorder|task)"
                          r"[.:][a-z_]+(?:[.:][a-z_]+)?", NOW))
    said = {n for n in said
            if not n.startswith(("call.user.", "call.headers"))
            and not n.endswith(".wav")}
    unknown = {n for n in said if n not in known
               and n.rsplit(".", 1)[0] not in known}
    assert not sorted(unknown - {"task.status", "recorder.file"})


def test_editors_know_each_function_and_field():
    text = (ROOT / "lua/moondial/library/moondial.lua").read_text()
    for name in registered() | {"call." + f for f in FIELDS} - {"call.agent"}:
        last = re.split("[.:]", name)[-1]
        assert re.search(rf"(function \w+[.:]{last}\(|@field {last}\b"
                         rf"|^call\.{last} = )", text, re.M), name


def test_each_field_of_a_call_is_in_its_table():
    table = section("## Call: fields")
    told = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.M):
        told.update(re.findall(r"`(\w+)`", row))
    assert told == set(FIELDS)


def section(heading):
    """From the heading (its beginning is enough) to the next one."""
    at = LUA.index("\n" + heading) + 1
    after = LUA.index("\n", at)
    end = re.search(r"^#{2,4} ", LUA[after:], re.M)
    return LUA[at:after + (end.start() if end else len(LUA))]


# what stands at the beginning of an option table, where it is documented
OPTIONS = [
    ("struct option dial_options[]", "### moon.dial("),
    ("struct option message_options[]", "### call:leave_message("),
    ("struct option qualify_options[]", "### moon.qualify("),
    ("struct option gather_options[]", "### call:gather("),
    ('struct option options[] = {\n\t{"file"', "### call:record("),
    ("struct option sync_options[]", "### call:play("),
    ("struct option async_options[]", "### call:play_async("),
    ("static int l_dtmf(", "### call:dtmf("),
    ("struct option keepalive_options[]", "### call:keepalive("),
    ("static int l_answer(", "### call:answer("),
    ("static int l_progress(", "### call:progress("),
    ("static int mute(", "### call:mute("),
    ("static int l_bridge(", "### call:bridge("),
    ("static int l_conference(", "### call:conference("),
    ("static int l_monitor(", "### call:monitor("),
    ("struct option build_options[]", "## Numbers"),
    ("struct option leads_options[]", "### moon.csv.leads("),
    ("struct option find_options[]", "## Call records"),
    ("struct option prompt_options[]", "## Prompts"),
]


def options_of(start):
    text = "".join(p.read_text() for p in sorted(SCRIPT.glob("*.c")))
    assert text.count(start) == 1, start
    body = text[text.index(start):]
    body = body[:body.index("{0}")]
    return re.findall(r'\{"(\w+)",\s*(OPT_\w+)\}', body)


@pytest.mark.parametrize("start,heading", OPTIONS)
def test_each_option_is_documented(start, heading):
    options = options_of(start)
    assert options
    text = section(heading)
    for name, kind in options:
        where = LATER if kind == "OPT_LATER" else text
        assert re.search(rf"`{name}`|\b{name} = ", where), name
    # and no row of its table names another
    if "| option |" in text:
        rows = re.findall(r"^\| `(\w+)` \|", text, re.M)
        assert set(rows) == {n for n, kind in options if kind != "OPT_LATER"}


def test_no_table_of_options_is_forgotten():
    counted = sum(len(re.findall(r"struct option \w*options\[\]",
                                 p.read_text()))
                  for p in SCRIPT.glob("*.c"))
    assert counted == len(OPTIONS)


def test_what_comes_later_is_listed():
    for name in CALL_LATER + MOON_LATER:
        assert f"`{name}`" in LATER, name
    events = strings(SCRIPT / "event.c", "later[] = {")
    for name in events:
        assert f"`{name}`" in LATER, name


def test_events_and_error_codes_are_those_of_the_program():
    told = set()
    for row in re.findall(r"^\| (`.*?) \|", section("## Call: events"), re.M):
        told.update(re.findall(r"`(\w+)`", row))
    assert told == set(strings(SCRIPT / "event.c", "names[] = {"))
    raised = set()
    for path in SCRIPT.glob("*.c"):
        raised.update(re.findall(r'raise_error\(\s*L,\s*"(\w+)"',
                                 path.read_text()))
    for code in raised | {"hangup"}:
        assert f"| `{code}` |" in NOW, code


def test_options_of_campaigns_are_documented():
    text = (ROOT / "lua/moondial/campaign/options.lua").read_text()
    table = section("## Campaigns")
    rows = set(re.findall(r"^\| `([\w.]+)` \|", table, re.M))
    expected = set()
    for name, prefix in (("FIELDS", ""), ("PACING", "pacing.")):
        body = text[text.index(f"local {name} = {{"):]
        body = body[:body.index("\n}")]
        expected |= {prefix + n for n in re.findall(r"^  (\w+) = \{", body,
                                                    re.M)}
    expected -= {"pacing", "retry"}
    assert rows == expected | {"retry.max_attempts", "retry.DISPOSITION"}
    for cause, seconds in re.findall(
            r"(\w+) = (\d+)",
            re.search(r"M.defaults = \{(.*)\}", (
                ROOT / "lua/moondial/campaign/retry.lua").read_text())[1]):
        assert f"`{cause}` {seconds}" in table


# ---- commands ---------------------------------------------------------------

def commands():
    text = (ROOT / "engine/app/cli.c").read_text()
    return set(re.findall(r'\{"(\w+)", cmd_\w+,', text))


def test_each_command_and_its_options_are_in_operations():
    known = commands()
    assert {"run", "cdr", "campaign", "console"} <= known
    told = set(re.findall(r"`moondial ([a-z]+)", OPERATIONS))
    assert told == known
    text = (ROOT / "engine/app/cli.c").read_text()
    usage = text[text.index("commands[] ="):text.index("COMMANDS =")]
    for option in set(re.findall(r"--[a-z-]+", usage)):
        assert re.search(re.escape(option) + r"\b", OPERATIONS), option


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_a_page_exist(page):
    text = PAGES[page]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    for line in "".join(blocks).splitlines():
        ours = re.match(r"(?:build/release/)?moondial (\w+)", line)
        if ours:
            assert ours[1] in commands(), line
    for name in re.findall(r"`moondial ([a-z]+)", text):
        assert name in commands(), name
    dev = (ROOT / "dev").read_text()
    for name in re.findall(r"\./dev (\w+)", text):
        assert re.search(rf"^(\w+ \| )*{name}\)", dev, re.M), name


@pytest.mark.parametrize("page", PAGES)
def test_files_and_headings_that_a_page_names_exist(page):
    text = PAGES[page]
    here = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        other = here / path if path else ROOT / page
        assert other.exists(), target
        if anchor:
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-")
                       for h in re.findall(r"^#+ (.*)$", other.read_text(),
                                           re.M)}
            assert anchor in anchors, target
    for name in re.findall(
            r"`((?:docs|scripts|examples|engine|lua|db|prompts|tests|bench)/"
            r"[\w./-]*)`", text):
        if page.startswith("examples/"):
            assert (here / name).exists() or (ROOT / name).exists(), name
        else:
            assert (ROOT / name).exists() or "NAME" in name \
                or name == "lua/", name


# ---- tables of operations.md ------------------------------------------------

def test_counters_are_those_of_the_program():
    known = set()
    for path in (ROOT / "engine").rglob("*.c"):
        known.update(re.findall(r"^METRIC\((\w+)", path.read_text(), re.M))
    table = OPERATIONS[OPERATIONS.index("\n## Counters"):]
    told = set()
    for row in re.findall(r"^\| (`.*?) \|", table[:table.index("\n## A")],
                          re.M):
        told.update(re.findall(r"`(\w+)`", row))
    assert told == known


def test_refusals_are_those_of_the_program():
    text = (ROOT / "engine/call/admission.c").read_text()
    known = set(re.findall(
        r'\.cause = "(\w+)", \.scode = (\d+), \.q850 = (\d+),\s*'
        r'\.reason = "([^"]+)"', text))
    told = set(re.findall(
        r"^\| `(\w+)` \| (\d+) \| (\d+) \| ([^|]+) \|", OPERATIONS, re.M))
    assert len(known) >= 9
    assert told == known


def test_dispositions_by_code_are_those_of_the_program():
    text = (ROOT / "engine/call/cdr.c").read_text()
    body = text[text.index("const char *cdr_disposition("):]
    body = body[:body.index("\n}")]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", OPERATIONS, re.M))
    codes = []
    for line in body.splitlines():
        code = re.search(r"case (\d+):", line)
        result = re.search(r'return "(\w+)"', line)
        if code:
            codes.append(code[1])
        elif result:
            for one in codes:
                if one != "0":
                    assert one in rows[result[1]], (one, result[1])
            if "if (" not in body.splitlines()[
                    body.splitlines().index(line) - 1]:
                codes = []


# ---- snippets ---------------------------------------------------------------

def snippets():
    for page, text in PAGES.items():
        for i, code in enumerate(re.findall(r"^```lua\n(.*?)^```", text,
                                            re.M | re.S)):
            yield pytest.param(page, code, id=f"{page}-{i}")


@pytest.mark.parametrize("page,code", snippets())
def test_a_snippet_loads(page, code, tmp_path, engine):
    if "env(" in code:
        path = tmp_path / "moondial.lua"
        path.write_text(code)
        done = moondial("check", "-c", path, env={"OFFICE_PASSWORD": "x"})
        assert done.returncode == 0, done.stderr
        return
    config = None
    if "return campaign" in code:
        (tmp_path / "engine").mkdir()
        (tmp_path / "engine/leads.csv").write_text("phone\n")
        config = 'return { trunks = { { name = "carrier", ' \
                 'hosts = "127.0.0.1:9" } } }'
    # it is looked at when it has ended, which need not be of itself
    e = engine(code, config=config, sets={"drain": 1})
    assert "script error" not in e.log()


def test_each_test_that_the_reference_names_exists():
    """`e2e/X::Y`, `unit/ROOM/X::Y`; `::Y` after one is of the same file."""
    table = [line for line in PAGES["docs/reference.md"].splitlines()
             if line.startswith("|")]
    named = 0
    for line in table:
        shown_by = line.split("|")[-2]
        text = ""
        for file, test in re.findall(r"((?:e2e|unit)/[\w/]+)?(?:::(\w+))?",
                                     shown_by):
            if file:
                kind, _, name = file.rpartition("/")
                path = ROOT / "tests" / kind / (
                    f"test_{name}" + (".py" if kind == "e2e" else ".c"))
                assert path.exists(), line
                text = path.read_text()
                named += 1
            assert not test or re.search(rf"\b{test}\(", text), (test, line)
    assert named > 50
