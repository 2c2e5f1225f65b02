# Three lots of KEYS, and a large table in Lua.
(
  sleep 1
  for i in 1 2 3; do redis-cli -p "$P" debug populate "$KEYS" "key$i" 500 >/dev/null; done
  redis-cli -p "$P" eval 'local t = {} for i = 1, 100000 do t[i] = i end return 1' 0 >/dev/null
  sleep 1; echo ready
) &
exec redis-server --port "$P" --bind 127.0.0.1 --save '' --enable-debug-command yes --dir "$D" --logfile "$D/log" $FLAGS
