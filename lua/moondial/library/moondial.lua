---@meta moondial
--- Annotations for editors (LuaLS). What is marked "waits" leaves the coroutine
--- until it is done; everything else returns at once. Seconds everywhere.

---@class moon
---@field args string[] arguments after the script's name
---@field config table the configuration, without secrets
---@field folder string the script's folder
---@field file string the script's path
---@field version string
---@field shared table kept from one generation of scripts to the next
---@field log moon.Log
---@field db moon.Db
---@field cdr moon.Cdr
---@field json moon.Json
---@field csv moon.Csv
---@field phone moon.Phone
---@field numbers moon.Numbers
local moon = {}

---@class moon.Error what misuse and the end of a call raise
---@field code "hangup"|"usage"|"busy"|"cannot_wait"|"not_available"|"forbidden"|"state"|"prompt"|"frozen"|"sql"|"csv"|"database"|"failed"|"cancelled"
---@field message string
---@field where string "file:line: "

---@alias moon.EventName "dtmf"|"hangup"|"answered"|"ringing"|"progress"|"hold"|"resume"|"media_timeout"|"keepalive_failed"|"bridge"|"unbridge"|"machine"|"speech"|"silence"|"beep"|"tone"

---@class moon.Event
---@field type moon.EventName
---@field digit string? of dtmf
---@field duration number? of dtmf, media_timeout, keepalive_failed, silence, beep, tone
---@field frequency number? Hz: of beep, tone
---@field tone "busy"|"reorder"|"ringback"|"cng"|"ced"|"sit_intercept"|"sit_vacant"|"sit_reorder"|"sit_no_circuit"|"sit"|nil of tone
---@field region "us"|"uk"|"de"|"fr"|"itu"|nil of tone
---@field by string? of hangup: "local", "remote", "engine"
---@field code integer? of hangup, keepalive_failed
---@field reason string? of hangup, keepalive_failed

---@class moon.Tone
---@field tone "beep"|"dial"|"ringback"|"busy"|"congestion"|string|number name, Hz, or "350+440"
---@field duration number? 0: for ever
---@field level number? dBFS of each sine

---@alias moon.Prompt string|moon.Tone|{silence: number}|(string|moon.Tone|{silence: number})[]

---@class moon.Task
---@field status "running"|"waiting"|"done"|"failed"|"cancelled"
local task = {}
--- Waits. Its results; nil, "timeout"|"cancelled"|"hangup"; nil, "error", message.
---@param seconds number?
---@return any ...
function task:wait(seconds) end
--- Its verb is stopped, its <close> variables are closed.
function task:cancel() end

---@class moon.Timer
local timer = {}
function timer:cancel() end

---@class moon.Subscription
local subscription = {}
function subscription:cancel() end

--- The user part of the Request-URI must match PATTERN as a whole. The first
--- that does wins; a handler without a pattern comes last; none: 404.
---@overload fun(handler: fun(call: moon.Call))
---@param pattern string
---@param handler fun(call: moon.Call)
function moon.on_call(pattern, handler) end

---@alias moon.DetectKind "human"|"machine"|"fax"|"silence"|"unsure"|"screening"

---@class moon.DetectSettings seconds, Hz, dB
---@field human {voice: number?, silence: number?}? a greeting of so much voice at most, then so much silence
---@field machine {voice: number?, words: integer?}? so much voice, or more than so many words
---@field silence number? without any voice
---@field total number? not sure
---@field word number? shortest word
---@field gap number? between words
---@field level number? mean |x| of 16 bits that is sound at least
---@field noise number? … and so many times the noise floor
---@field window number? of the noise floor
---@field hangover number?
---@field pause number? without voice until the event silence
---@field beep {min: number?, max: number?, quiet: number?, low: number?, high: number?, purity: number?, second: number?}?
---@field tones string|string[]|nil of which regions: us, uk, de, fr
---@field keep string? file for the first 5 s

---@class moon.Detection
---@field kind moon.DetectKind
---@field cause string
---@field confidence number
---@field greeting number seconds of voice
---@field words integer
---@field silence number seconds since the last word, when it was decided
---@field noise number dBFS
---@field decided number seconds since the answer

--- All settings by name; wrong ones raise.
---@param settings moon.DetectSettings?
---@return table<string, number>
function moon.detect_settings(settings) end

---@class moon.DialOptions
---@field timeout number? seconds to ring, default 60
---@field trunk string|string[]|nil for numbers; of a list the first that isn't unreachable and has room; after congestion the next
---@field account string? credentials and identity
---@field from string?
---@field display_name string?
---@field headers table<string, string>?
---@field max_duration number?
---@field media_timeout number? seconds without RTP until the event; 0: never
---@field media_timeout_hangup number? seconds without RTP until it is ended; 0: never
---@field campaign string? for the call record
---@field lead table|string? its id goes to the call record; call.lead
---@field attempt integer?
---@field in_turn boolean? a list one after the other
---@field user table? call.user
---@field detect true|moon.DetectSettings|nil find out who answers, from early media on
---@field caller moon.Call? for whom it rings: nil, "caller_hangup" when that one ends first
---@field early_media boolean? the caller hears what comes before the answer

--- Waits for the answer. The call ends with the coroutine that dialled it,
--- unless call:detach().
---@param target string|string[] URI, number, "trunk:NAME/NUMBER", "account:NAME/NUMBER", "endpoint:NAME"
---@param options moon.DialOptions?
---@return moon.Call? call
---@return string? reason busy, no_answer, declined, invalid, limit, unreachable, no_route, forbidden, …
---@return moon.Call? failed the last call tried
function moon.dial(target, options) end

--- FLOW runs on the answer; the call ends with it.
---@overload fun(target: string|string[], flow: fun(call: moon.Call): any): moon.Task
---@param target string|string[]
---@param options moon.DialOptions?
---@param flow fun(call: moon.Call): any
---@return moon.Task
function moon.originate(target, options, flow) end

---@param fn fun(...): any
---@param ... any
---@return moon.Task
function moon.spawn(fn, ...) end

--- Waits.
---@param seconds number
---@return true
function moon.sleep(seconds) end

---@param seconds number
---@param fn fun()
---@return moon.Timer
function moon.after(seconds, fn) end

--- Never overlaps itself. Made on a call, it ends with the call.
---@param seconds number
---@param fn fun()
---@return moon.Timer
function moon.every(seconds, fn) end

---@class moon.Ban
---@field address string
---@field reason string
---@field since number seconds since the epoch
---@field ends number? until it is unbanned, when nil
---@field times integer how often it was banned
---@field dropped integer

--- "call" (a new one), events of all calls (with call, event), "ban" (with a
--- moon.Ban), or your own.
---@param event moon.EventName|"call"|"ban"|"registration"|"endpoint"|"endpoint_restarted"|"agent"|"drain"|string
---@param fn fun(...)
---@return moon.Subscription
function moon.on(event, fn) end

---@param event string
---@param value any
function moon.emit(event, value) end

--- Waits for the first of: call:event(…), playbacks, tasks; `timeout` seconds.
---@param sources table<string, any>
---@return string which a key of SOURCES, or "timeout"
---@return any value
function moon.select(sources) end

---@return moon.Call[] oldest first
function moon.calls() end

---The file of a prompt, looked for where play looks; nil: there is none that can be read.
---@param name string
---@return string? path
function moon.find_prompt(name) end

---How many of so many calls out may begin now, within the limits of the engine and of trunks, and without the engine
---being late for those that it has (overload). A dialer of your own asks before it dials; campaigns do so by themselves.
---@param wanted integer
---@param trunk string|string[]? what these have free together
---@return integer
---@return string? reason when it is fewer than wanted
function moon.room(wanted, trunk) end
---@param id string
---@return moon.Call?
function moon.call(id) end
---@return number seconds since the epoch
function moon.now() end
---@class moon.ZoneTime
---@field year integer
---@field month integer
---@field day integer
---@field hour integer
---@field min integer
---@field sec integer
---@field wday integer 1: Monday … 7: Sunday
---@field yday integer from 1
---@field offset integer seconds ahead of UTC

---What a clock in a time zone shows.
---@param zone string IANA name: "America/New_York"
---@param t number? seconds since the epoch; now by default
---@return moon.ZoneTime?
---@return "unknown"? reason
function moon.zone_time(zone, t) end

---When a clock in a time zone shows that. Of a time that comes twice the first, of one that is skipped the moment of
---the skip; fields beyond their range are carried over.
---@param zone string
---@param time {year: integer, month: integer, day: integer, hour: integer?, min: integer?, sec: integer?}
---@return integer? t seconds since the epoch
---@return "unknown"? reason
function moon.zone_epoch(zone, time) end

---@param exit_code integer?
function moon.stop(exit_code) end
function moon.drain() end
---@class moon.Account
---@field name string
---@field uri string?
---@field state "off"|"trying"|"registered"|"failed"|"closed"
---@field code integer of the last failure; 0: none
---@field reason string
local account = {}
--- For its calls in progress and those to come.
---@param options moon.Keepalive
---@return true?
---@return "unknown"?
function account:keepalive(options) end

--- With a table: define one, and return its name. With a name: find it.
---@overload fun(name: string): moon.Account?, "unknown"?
---@param definition table fields of `accounts` in the configuration
---@return string name
function moon.account(definition) end
---@alias moon.Reach "unknown"|"reachable"|"lagged"|"unreachable"

---@class moon.Reachability
---@field state moon.Reach
---@field reachable boolean? nil: unknown
---@field since number? seconds since the epoch
---@field rtt number? seconds, the last one
---@field rtt_smoothed number?
---@field availability number? percentage since the first verdict
---@field reason string why it isn't reachable, or ""

---@class moon.TrunkHost: moon.Reachability
---@field host string

---@class moon.TrunkChange
---@field state moon.Reach
---@field was moon.Reach
---@field at number
---@field rtt number?
---@field reason string

---@class moon.Trunk: moon.Reachability
---@field name string
---@field active integer calls through it now
---@field hosts moon.TrunkHost[]
---@field history moon.TrunkChange[] the last one first
local trunk = {}
--- Ask its hosts now.
---@return true
function trunk:qualify() end

--- Define a trunk; or, by its name, what is known of it.
---@overload fun(name: string): moon.Trunk?, "unknown"?
---@param definition table fields of `trunks` in the configuration
---@return string name
function moon.trunk(definition) end
---@return moon.Trunk[]
function moon.trunks() end

---@class moon.Qualify: moon.Reachability
---@field uri string
---@field code integer? status of the last response
local qualify = {}
function qualify:cancel() end
--- Ask now.
function qualify:now() end
--- Whether a URI answers OPTIONS, at intervals, until it is cancelled.
---@param uri string
---@param options {every: number?, timeout: number?, tries: integer?, answer: "any"|"2xx"|nil}?
---@return moon.Qualify?
---@return "forbidden"|nil reason
---@return string? message
function moon.qualify(uri, options) end
---@param definition table fields of `endpoints` in the configuration
---@return string name
function moon.endpoint(definition) end

---@class moon.Contact a telephone that is registered
---@field contact string
---@field target string where it is called
---@field path string?
---@field source string "udp:192.0.2.1:5060"
---@field instance string?
---@field user_agent string?
---@field q number
---@field since number
---@field refreshed_at number
---@field expires_at number

---@class moon.Endpoint
---@field name string
---@field registered boolean
---@field calls integer
---@field ringing integer
---@field answered integer
---@field max_calls integer
---@field busy_level integer
---@field contacts moon.Contact[]

---@param name string?
---@return moon.Endpoint[]|moon.Endpoint? all, or the one of that name
function moon.endpoints(name) end

---@class moon.RegisterRequest
---@field user string
---@field method "REGISTER"|"INVITE"
---@field source string
---@field user_agent string

--- Users that nobody has configured: their endpoint's table, or nil.
---@param fn fun(request: moon.RegisterRequest): table?
function moon.on_register(fn) end
--- Run the script in that file, in this environment; what it returns.
---@param path string
---@return any ...
function moon.load(path) end

---@class moon.Log
---@field debug fun(format: string, ...)
---@field info fun(format: string, ...)
---@field warn fun(format: string, ...)
---@field error fun(format: string, ...)

---@class moon.Db
---@field null lightuserdata
local db = {}
--- Waits. SELECTs read beside the writers, at most 30 s.
---@param sql string
---@param ... any parameters for ?
---@return table<string, any>[]? rows
---@return string? reason
---@return string? message
function db.query(sql, ...) end
--- Waits until it is durable.
---@param sql string
---@param ... any
---@return integer? changes
---@return integer|string last_id or the reason
function db.exec(sql, ...) end
--- Waits. All or nothing; durable.
---@param statements any[][] {sql, parameters…}
---@return table<string, any>[]? rows of the last statement that had any
---@return integer|string changes or the reason
function db.transaction(statements) end
--- The text of db/queries/NAME.sql.
---@param name string
---@return string
function db.sql(name) end

---@class moon.Cdr
local cdr = {}
--- Waits. Newest first; times and durations in seconds.
---@param filter {id: string?, since: number|string|nil, until: number|string|nil, disposition: string?, campaign: string?, number: string?, direction: string?, lead: string?, limit: integer?}?
---@return table[]?
function cdr.find(filter) end

---@class moon.Json
---@field null lightuserdata
---@field encode fun(value: any): string
---@field decode fun(text: string): any, string?
---@field array fun(t: table?): table a list also when it is empty

---@class moon.Csv
local csv = {}
--- Each step may wait. A row that is wrong has `error` and no fields.
---@param path string
---@return fun(): {line: integer, fields: string[], error: string?}?
function csv.rows(path) end
--- Each call of what it returns waits: one batch into the table of leads. For moondial.leads.import.
---@param path string
---@param options {campaign: string, columns: {[1]: string, [2]: "field"|"number"|"priority"|"zone"}[], numbers: integer[], region: string?, list: string?, source: string?, elsewhere: boolean?}
---@return fun(): {rows: integer, imported: integer, merged: integer, elsewhere: integer, bad: {line: integer, reason: string}[], notes: {line: integer, reason: string}[]}?
function csv.leads(path, options) end

---@class moon.Phone
local phone = {}
--- E.164, by libphonenumber.
---@param text string
---@param region string? whose number it is when it has no +: "US"
---@return {number: string, type: "mobile"|"fixed_line"|"fixed_line_or_mobile"|"toll_free"|"premium_rate"|"shared_cost"|"voip"|"personal"|"pager"|"uan"|"voicemail", country: string?, extension: string?}?
---@return string? reason
function phone.parse(text, region) end
--- What stands between digits is taken out, nothing else.
---@param text string
---@return string?
---@return string? reason
function phone.plain(text) end
---@param number string E.164
---@return string? zones IANA names, comma-separated
function phone.zones(number) end
---@param name string
---@return boolean
function phone.is_zone(name) end
---@param text string
---@return boolean
function phone.is_region(text) end

---@class moon.NumberSet
local set = {}
--- Waits. Which of a list (at most 10,000) are in it.
---@param list string[] E.164, with or without +
---@return table<string, true>?
---@return "failed"? reason
---@return string? message
function set:find(list) end

---@class moon.Numbers lists of telephone numbers by the million, on the disk
local numbers = {}
--- Waits. One number a line, or a CSV's first column, into a file of its own.
---@param source string
---@param path string
---@param options {country: string?}? calling code of numbers written without one
---@return {lines: integer, numbers: integer, duplicates: integer, bad: integer, bad_lines: integer[]}?
---@return "failed"? reason
---@return string? message
function numbers.build(source, path, options) end
---@param path string
---@return moon.NumberSet
function numbers.open(path) end

---@class moon.Playback
local playback = {}
function playback:pause() end
function playback:resume() end
---@param seconds number
function playback:seek(seconds) end
---@param db number
function playback:volume(db) end
function playback:stop() end
--- Waits.
---@param seconds number?
---@return "done"|"stopped"|nil
---@return string? reason
function playback:wait(seconds) end

---@class moon.Recorder
---@field file string
local recorder = {}
function recorder:pause() end
function recorder:resume() end
function recorder:mask() end
function recorder:unmask() end
function recorder:stop() end

---@class moon.Recording
---@field file string
---@field duration number
---@field reason "max"|"silence"|"terminator"|"hangup"|"stopped"

---@class moon.Call
---@field id string
---@field direction "in"|"out"
---@field state "idle"|"calling"|"incoming"|"early"|"answered"|"ended"
---@field from string?
---@field to string?
---@field from_user string?
---@field to_user string?
---@field from_uri string?
---@field to_uri string?
---@field display_name string?
---@field account string?
---@field endpoint string? who has called and proved it, or who was called
---@field trunk string?
---@field tried string? trunks that met congestion before: "NAME:STATUS NAME:STATUS"
---@field headers table<string, string> read: of the INVITE; set: of our responses
---@field codec string?
---@field user table yours; saved with the call record
---@field disposition string? may be set
---@field started_at number?
---@field answered_at number?
---@field ended_at number?
---@field sip_code integer?
---@field reason string?
---@field q850 integer?
---@field hangup_by string?
---@field hangup_cause string?
---@field stats table<string, number>
---@field lead any
---@field digits string? received so far
---@field recording string?
---@field held boolean by the far side
---@field bridged boolean in a bridge or a conference
---@field detection moon.Detection? what answered; may be set to a kind
---@field tones string? heard by a detector
---@field agent table? who talks to it; its name goes to the record
local call = {}
---@param options {headers: table<string, string>?, media_timeout: number?, media_timeout_hangup: number?}?
---@return true
function call:answer(options) end
---@return true
function call:ring() end
--- 183, and the prompt as early media.
---@param options {prompt: moon.Prompt?, headers: table<string, string>?}?
function call:progress(options) end
---@param code integer? 400 to 699, default 603
---@param reason string?
function call:reject(code, reason) end
---@param uri string
function call:redirect(uri) end
---@param reason string?
function call:hangup(reason) end
--- Waits.
---@param what moon.Prompt
---@param options {loop: boolean|integer|nil, volume: number?, start: number?, stop_on: string?}?
---@return "done"|"stopped"
---@return string? digit
function call:play(what, options) end
---@param what moon.Prompt
---@param options {loop: boolean|integer|nil, volume: number?, start: number?, mix: boolean?}?
---@return moon.Playback
function call:play_async(what, options) end

---@class moon.GatherOptions
---@field prompt moon.Prompt?
---@field min_digits integer? default 1
---@field max_digits integer?
---@field terminator string? default "#"; "": none
---@field timeout number? to the first digit, from the prompt's end; default 5
---@field inter_digit_timeout number? default 3
---@field tries integer? default 1
---@field valid string? a Lua pattern for the whole
---@field invalid_prompt moon.Prompt?
---@field barge_in boolean? default true

--- Waits.
---@param options moon.GatherOptions?
---@return string? digits
---@return "timeout"|"invalid"|nil reason
function call:gather(options) end
call.read = call.gather
--- Waits. Who has answered? With settings anew, from now on.
---@param settings moon.DetectSettings?
---@return moon.Detection
function call:detect_machine(settings) end
--- Waits for the beep, or silence, and plays WHAT from its start.
---@param what moon.Prompt?
---@param options {silence: number?, timeout: number?, restarts: integer?}?
---@return {after: "beep"|"silence", waited: number, restarts: integer}?
---@return "timeout"?
function call:leave_message(what, options) end
call.play_and_get_digits = call.gather
--- Waits.
---@param digits string 0-9 * # A-D, w pauses
---@param options {mode: "auto"|"rfc4733"|"info"|nil, duration: number?, gap: number?}?
---@return true?
---@return string? reason
function call:dtmf(digits, options) end
--- Waits; returns also when the call ends.
---@param options {file: string?, max: number?, silence: number?, beep: boolean?, channels: "heard"|"mixed"|"stereo"|nil, trim: boolean?, terminator: string?}?
---@return moon.Recording?
---@return string? reason
---@return string? message
function call:record(options) end
---@param options {file: string?, max: number?, channels: "heard"|"mixed"|"stereo"|nil}?
---@return moon.Recorder
function call:record_call(options) end
--- Waits.
---@return true?
---@return string? reason
function call:hold() end
--- Waits.
---@return true?
---@return string? reason
function call:unhold() end
---@param options {direction: "in"|"out"|"both"|nil}?
function call:mute(options) end
---@param options {direction: "in"|"out"|"both"|nil}?
function call:unmute(options) end
---@class moon.BridgeResult
---@field reason "hangup"|"other_hangup"|"max_duration"|"unbridged"|"left"
---@field duration number
---@field digit string? that left it
---@field call moon.Call? of call:dial: the other one
---@class moon.CallDialOptions: moon.DialOptions
---@field ringback any a prompt; false: nothing
---@field answer_on_bridge boolean? answered when the other has
---@field announce any a prompt for the other, before the bridge
---@field talk number? the longest bridge
---@field dtmf boolean?
---@field hangup boolean?
---@field hangup_other boolean?
--- Waits. Call TARGETS for this call, and bridge the two.
---@param targets string|string[]
---@param options moon.CallDialOptions?
---@return moon.BridgeResult?
---@return string? reason as of moon.dial
---@return moon.Call? failed
function call:dial(targets, options) end
--- Waits until it is over; returns also when the call has ended.
---@param other moon.Call
---@param options {dtmf: boolean?, max_duration: number?, hangup_other: boolean?, hangup: boolean?}?
---@return moon.BridgeResult
function call:bridge(other, options) end
---@class moon.ConnectOptions
---@field group string
---@field within number? seconds; default 2
---@field skills string|string[]|table<string, number>|nil
---@field priority number?
---@field since number?
---@field announce any a prompt for the agent alone
---@field music any a prompt
---@field data table? for the agent's screen
---@field agent string? this one alone
---@field or_another boolean? whoever is ready, when that one is not there
---@field on_agent (fun(agent: table))? when they begin to talk
---@field dtmf boolean?
---@field again_within number?
---@field max_wait number? of enqueue
---@field position boolean? of enqueue
---@field announcement any of enqueue
---@field announce_every number? of enqueue
---@field leave_on string? of enqueue
---@class moon.Served: moon.BridgeResult
---@field wait number seconds until the bridge
--- Waits. An agent within so many seconds, bridged until one of them hangs up.
---@param options moon.ConnectOptions|string the name of the group alone
---@return table? agent
---@return moon.Served|"timeout"|"no_agents"
function call:connect_agent(options) end
--- Waits for an agent, with music.
---@param group string
---@param options moon.ConnectOptions?
---@return table? agent
---@return moon.Served|"timeout"|"no_agents"|"left"
function call:enqueue(group, options) end
---@return boolean was it was in one
function call:unbridge() end
--- Waits until it is over; returns also when the call has ended.
---@param name string
---@param options {muted: boolean?, dtmf: boolean?, max_members: integer?, leave_on: string?, max_duration: number?}?
---@return moon.BridgeResult?
---@return "full"?
function call:conference(name, options) end
--- Waits. Hear the bridge that OTHER is in.
---@param other moon.Call
---@param options {mode: "monitor"|"whisper"|"barge"|nil, leave_on: string?, max_duration: number?}?
---@return moon.BridgeResult?
---@return "not_bridged"?
function call:monitor(other, options) end
---@class moon.Keepalive
---@field sip boolean|number|nil OPTIONS in the dialog; true: half of nat_session
---@field rtp boolean|number|nil some audio, also on hold
---@field nat_session number? 5 to 120 s
---@field hangup boolean? end the call when nobody answers
--- What is left out stays as it is.
---@param options moon.Keepalive
---@return true?
---@return "ended"?
function call:keepalive(options) end
--- Waits. OPTIONS in the dialog.
---@return integer? code
---@return table<string, string>|"timeout" headers names in lower case
---@return number? seconds round trip
function call:options() end
--- It goes on when the coroutine that owns it ends.
function call:detach() end
--- Drop unread digits.
function call:flush() end
--- Waits. Its number goes to the internal do-not-call list, its disposition is dnc.
---@return true
function call:opt_out() end
--- Waits.
---@param event moon.EventName
---@param seconds number?
---@return moon.Event?
---@return "timeout"?
function call:wait(event, seconds) end
--- Waits.
---@param seconds number?
---@return string? digit
---@return "timeout"?
function call:wait_digit(seconds) end
--- Waits.
---@param seconds number
function call:sleep(seconds) end
--- For moon.select.
---@param name moon.EventName
function call:event(name) end
---@param name moon.EventName
---@param handler fun(event: moon.Event)
---@return moon.Subscription
function call:on(name, handler) end

return moon
