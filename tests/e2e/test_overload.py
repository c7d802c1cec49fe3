"""What the engine turns away when it can't carry more, and that those it has
are untouched meanwhile."""
import resource

ANSWER = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:wait("hangup")
end)
"""


def test_a_full_disk_refuses_new_calls_until_there_is_room(engine, phone):
    one = engine(ANSWER)
    old = phone(one)
    assert old.call().status == 200

    # no file may grow by more than a few pages any more
    room = max(f.stat().st_size for f in one.folder.iterdir()) + 8192
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE,
                     (room, resource.RLIM_INFINITY))
    accepted, refused = 1, 0
    while not refused:
        caller = phone(one)
        response = caller.call()
        if response.status == 200:
            assert caller.bye().status == 200
            accepted += 1
        else:
            assert response.status == 503
            assert response.header("Retry-After")
            refused += 1
        assert accepted < 200
    assert one.status()["store_trouble"] == "the disk is full"
    assert "the disk is full" in one.tool("status").stdout

    # the one that goes on notices nothing, and room ends it by itself
    assert old.within("INFO", headers="Info-Package: x\r\n").status in (200, 405)
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    while True:
        caller = phone(one)
        response = caller.call()
        if response.status == 200:
            break
        refused += 1
    assert "store_trouble" not in one.status()
    assert caller.bye().status == 200
    assert old.bye().status == 200
    rows = one.wait_cdrs(accepted + 1 + refused)
    turned = [r for r in rows if r["disposition"] == "refused"]
    assert len(turned) == refused
    assert {r["reason"] for r in turned} == {"the disk is full"}
