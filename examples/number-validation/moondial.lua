--- Configuration: the carrier that calls leave by.
return {
  listen = { "udp:127.0.0.1:5080" },
  db = "number-validation.db",
  trunks = {
    { name = "carrier", hosts = env("CARRIER", "127.0.0.1:5070"), from = "+15550100" },
  },
}
