(sleep 1; echo ready) &
exec memcached -l 127.0.0.1 -p "$P" -u nobody $FLAGS
