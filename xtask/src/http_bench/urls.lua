-- Requests of wrk: one URL, all URLs in turn, or URLs by Zipf's law (exponent 1).
-- Arguments: KIB, how many URLs, and `one`, `all` or `zipf`.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init(arguments)
  local kib, count, order = arguments[1], tonumber(arguments[2]), arguments[3]
  math.randomseed(seed)
  requests, sequence = {}, {}
  for n = 1, count do
    requests[n] = wrk.format("GET", "/" .. kib .. "/" .. n)
  end
  if order == "zipf" then
    local sums, sum = {}, 0
    for n = 1, count do
      sum = sum + 1 / n
      sums[n] = sum
    end
    -- Drawn beforehand, so that drawing costs nothing later.
    for i = 1, 100000 do
      local mark, low, high = math.random() * sum, 1, count
      while low < high do
        local middle = math.floor((low + high) / 2)
        if sums[middle] < mark then low = middle + 1 else high = middle end
      end
      sequence[i] = low
    end
  else
    for n = 1, count do sequence[n] = n end
  end
  at = 0
end

function request()
  at = at + 1
  if at > #sequence then at = 1 end
  return requests[sequence[at]]
end
