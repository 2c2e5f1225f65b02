mkdir -p "$D/logs"; chmod 755 "$D"
cat >"$D/conf" <<END
daemon off; worker_processes 2; pid $D/pid; error_log $D/log;
events {}
http { access_log off; proxy_cache_path $D/cache keys_zone=z:20m; server { listen 127.0.0.1:$P; } }
END
(sleep 1; echo ready) &
exec nginx -c "$D/conf" -p "$D"
