--- Configuration: the carrier that calls leave by, and what this campaign has other
--- than the ready script says.
return {
  listen = { "udp:127.0.0.1:5080" },
  db = "broadcast.db",
  trunks = {
    { name = "carrier", hosts = env("CARRIER", "127.0.0.1:5070"), from = "+15550100" },
  },
  campaign = {
    retry = { max_attempts = 3, busy = 300, no_answer = 3600 },
    machine = { action = "leave_message", message = "goodbye" },
  },
}
