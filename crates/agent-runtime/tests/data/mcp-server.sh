#!/bin/sh
# A scripted MCP server: `mcp-server.sh MODE`. Writes what it is told to `seen` in its folder, its id to `pid`.
mode=$1
echo "$$" >> pid
[ "$mode" = mute ] && { sleep 1000 & wait; }
[ "$mode" = broken ] && { echo "cannot find my files" >&2; exit 7; }
[ "$mode" = stubborn ] && trap '' TERM

say() { printf '%s\n' "$1"; }
answer() { say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$1}"; }
text() { answer "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
tool() { printf '{"name":"%s","description":"Does %s.","inputSchema":{"type":"object"}%s}' "$1" "$1" "$2"; }

tools="$(tool echo ',"annotations":{"readOnlyHint":true}'),$(tool fail),$(tool picture),$(tool die),$(tool hang),$(tool ask),$(tool grow),$(tool env),$(tool many/names),$(tool refuse)"
[ "$mode" = rubbish ] && { echo "Welcome to my server!"; echo '{"half": '; echo '"text"'; echo; }

while read -r line; do
  printf '%s\n' "$line" >> seen
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  [ "$mode" = rubbish ] && echo "INFO: got a line"
  case $line in
    *'"method":"initialize"'*)
      version=2025-06-18
      [ "$mode" = future ] && version=2099-01-01
      answer "{\"protocolVersion\":\"$version\",\"capabilities\":{\"tools\":{\"listChanged\":true}},\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"},\"instructions\":\"Be kind to my tools.\"}"
      say '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}' ;;
    *'"method":"tools/list"'*)
      [ "$mode" = listless ] && continue
      case $line in
        *'"cursor":"2"'*) answer "{\"tools\":[$(tool second-page)]}" ;;
        *) [ "$mode" = pages ] && more=',"nextCursor":"2"'
           answer "{\"tools\":[$tools]$more}" ;;
      esac ;;
    *'"name":"echo"'*) text "$(printf '%s' "$line" | sed 's/.*"text":"\([^"]*\)".*/\1/')" ;;
    *'"name":"fail"'*) answer '{"content":[{"type":"text","text":"it is broken"}],"isError":true}' ;;
    *'"name":"picture"'*) answer '{"content":[{"type":"text","text":"look:"},{"type":"image","data":"QUJDRA==","mimeType":"image/png"},{"type":"resource_link","uri":"file:///x","name":"x"},{"type":"resource","resource":{"uri":"file:///y","text":"inside"}}]}' ;;
    *'"name":"die"'*) echo "I am dying" >&2; exit 3 ;;
    *'"name":"hang"'*) echo x > hanging ;;
    *'"name":"ask"'*)
      say '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}'
      call=$id
      read -r line
      printf '%s\n' "$line" >> seen
      id=$call
      text "$(printf '%s' "$line" | sed 's/.*"result":\(.*\)}/\1/' | tr -d '"')" ;;
    *'"name":"grow"'*)
      tools="$tools,$(tool grown)"
      say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
      text grown ;;
    *'"name":"second-page"'*) text "on the second page" ;;
    *'"name":"grown"'*) text "I am new" ;;
    *'"name":"many/names"'*) text "called by my own name" ;;
    *'"name":"refuse"'*) say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32602,\"message\":\"not like that\"}}" ;;
    *'"name":"env"'*) text "$(env | sort | cut -d= -f1,2 | tr '\n' ' ' | tr -d '"\\')" ;;
  esac
done
[ "$mode" = stubborn ] && { sleep 1000 & wait; sleep 1000; }
exit 0
