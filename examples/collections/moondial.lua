--- Configuration: the carrier that calls leave by, and what this campaign has other
--- than the ready script says: agents.
return {
  listen = { "udp:127.0.0.1:5080" },
  db = "collections.db",
  trunks = {
    { name = "carrier", hosts = env("CARRIER", "127.0.0.1:5070"), from = "+15550100" },
  },
  -- simulated telephones, called when there is a call for them; real ones: a SIP URI,
  -- or "endpoint:ann" for one that registers with us
  agents = {
    { name = "ann", target = "sip:agent-ann@" .. env("CARRIER", "127.0.0.1:5070"), groups = { "collections" } },
    { name = "bob", target = "sip:agent-bob@" .. env("CARRIER", "127.0.0.1:5070"), groups = { "collections" } },
  },
  agent_groups = { { name = "collections", wrapup = 1 } },
}
