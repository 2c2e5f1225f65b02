mcs -out:"$D/load.dll" "$D/../load.cs" >/dev/null 2>&1
version=$(basename "$(dirname "$(command -v dotnet)")"/shared/Microsoft.NETCore.App/*)
echo '{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "'"$version"'"}}}' \
  >"$D/load.runtimeconfig.json"
exec dotnet exec "$D/load.dll"
