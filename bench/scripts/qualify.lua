-- So many telephones, each asked by OPTIONS at that interval.
local moon = require "moondial"

local count, every = tonumber(moon.args[1]), tonumber(moon.args[2])
for i = 0, count - 1 do
  moon.endpoint { name = "t" .. i, password = "secret", algorithms = "MD5", nat = "never",
    qualify = true, qualify_every = every }
end
moon.on_call(function(call)
  call:reject(486)
end)
