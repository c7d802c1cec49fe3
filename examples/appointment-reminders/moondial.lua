--- Configuration: where calls go out. Give your carrier's address and, if it
--- asks for one, a password in the environment.
return {
  listen = { "udp:127.0.0.1:5080" },
  db = "appointment-reminders.db",
  recordings = "recordings",
  trunks = {
    { name = "carrier", hosts = env("CARRIER", "127.0.0.1:5070"), from = "+15550100" },
  },
}
