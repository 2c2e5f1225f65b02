mcs -out:"$D/load.exe" "$D/../load.cs" >/dev/null 2>&1
exec mono "$D/load.exe"
