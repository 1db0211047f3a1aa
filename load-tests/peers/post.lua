-- wrk: every request posts a message.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"content":"Hello bots: this is a message of an ordinary length, of some hundred characters, as rooms see."}'
