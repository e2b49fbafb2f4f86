#!/usr/bin/env python3
"""A worker that needs nothing but Python: it counts the words of a text, line by line. See docs/WORKERS.md.
    STORE_SERVICE_URL=http://localhost:3000 python3 examples/worker.py"""
import concurrent.futures, http.client, json, os, signal, socket, sys, threading, time, urllib.error, urllib.request

URL = os.environ.get("STORE_SERVICE_URL", "http://localhost:3000") + "/api/v1"
TYPE, SLOTS, LEASE_S = "word-count", 4, int(os.environ.get("LEASE_SECONDS", "30"))
HEADERS = {"content-type": "application/json", **({"authorization": "Bearer " + KEY} if (KEY := os.environ.get("TRIUMVIR_API_KEY")) else {})}
SCHEMA = {"type": "object", "required": ["text"], "additionalProperties": False,
          "properties": {"text": {"type": "string"}, "secondsPerLine": {"type": "number", "minimum": 0}}}
held = {}  # What runs here: job id -> (lease token, event that asks it to end)
class Ended(Exception):
    """The job was cancelled, or somebody else has it now."""
def count_words(payload, end, log):
    words = 0
    for line in payload["text"].splitlines():
        if end.wait(payload.get("secondsPerLine", 0)): raise Ended()
        words += len(line.split())
        log(f"{words} words so far\n")
    if words == 0: raise ValueError("the text has no words")
    return {"words": words}
def call(method, path, **body):
    """Asks until the store has answered: it may be away for a moment, and each call may be repeated."""
    while True:
        request = urllib.request.Request(URL + path, json.dumps(body).encode(), HEADERS, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer: return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 409: raise Ended(error.read().decode())  # Another one's now, or finished.
            if error.code < 500: raise RuntimeError(error.read().decode())
        except (OSError, http.client.HTTPException): pass
        time.sleep(1)

def run(job, token, end):
    def tell(action, **body): call("POST", f"/leases/{job['id']}/{action}", leaseToken=token, **body)
    try:
        try: tell("complete", result=count_words(job["payload"], end, lambda text: tell("output", output=[{"text": text}])))
        except Ended: tell("cancelled")
        except Exception as error: tell("fail", error={"name": type(error).__name__, "message": str(error)})
    except Ended as lost: print(f"gave up {job['id']}: {lost}", flush=True)
    finally: del held[job["id"]]

def keep_alive():
    while True:
        time.sleep(LEASE_S / 3)
        beats = [{"action": "heartbeat", "jobId": job, "leaseToken": token} for job, (token, _) in list(held.items())]
        for beat, answer in zip(beats, call("POST", "/leases/batch", actions=beats)["results"] if beats else []):
            if "error" in answer or answer["cancelRequested"]: held.get(beat["jobId"], ("", threading.Event()))[1].set()

signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # What runs is finished first, what waits is given back.
call("PUT", f"/types/{TYPE}", payloadSchema=SCHEMA)
threading.Thread(target=keep_alive, daemon=True).start()
with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
    while True:
        while len(held) == SLOTS: time.sleep(0.05)
        wanted = {"types": [TYPE], "max": SLOTS - len(held), "wait": "30s", "lease": f"{LEASE_S}s", "worker": f"{socket.gethostname()}-{os.getpid()}"}
        for lease in call("POST", "/leases", **wanted)["leases"]:
            job, end = lease["job"], threading.Event()
            held[job["id"]] = (lease["leaseToken"], end)
            pool.submit(run, job, lease["leaseToken"], end)
