"""Leader and helper: two services that together add what devices report, and that cannot read it alone.

The words are those of the IETF's DAP; one task is one batch. A device uploads one report to the leader. The leader
makes aggregation jobs of what waits and has each checked together with the helper; both add the reports that they
accepted to a running sum of shares, each in its own store. The collector asks the leader; both agree on the set of
reports, add noise of their own, and seal their sums to the collector. Privacy needs one honest aggregator, correct
sums need both. Not here: what a device does, and what the collector does with the sums.

HTTP, of the leader (errors are problem documents with a machine-readable ``type``, see ``PROBLEM``)::

    POST /tasks/{task}/reports      application/homespun-report, exactly one length a task -> 201, empty
    POST /tasks/{task}/collection   Authorization: Bearer TOKEN (homespun-server leader token), empty body
        202  it is being worked on: ask again after Retry-After seconds; {"state", "count", "pending"}. ``closing``: no
             report is taken any more; ``open``: it is looked whether enough of those that wait hold
        200  application/homespun-collection: ``messages.Collection`` as MessagePack, ``messages.parse_collection``
        409  below-minimum: nothing was closed or revealed, more reports may come; ask again later
        409  mismatch: leader and helper hold different sets of reports, so nothing can be revealed
        410  expired, 404 unknown-task, 401, 429/503 with Retry-After
      Whoever asks again gets the very same bytes, for as long as the store is kept.
    GET /tasks                      what is collected here, and how far it is
    GET /health /ready /metrics

of the helper, for its leader alone (Authorization: Bearer, derived from the pairing secret)::

    PUT  /tasks/{task}/jobs/{job}          application/homespun-job: ``messages.JobRequest`` -> ``messages.JobAnswer``
    POST /tasks/{task}/aggregate-share     application/homespun-job: ``messages.ShareRequest`` -> the sealed share
    GET  /tasks, /health, /ready, /metrics

``{task}`` is the task's SHA-256, 64 hexadecimal digits. The sealed aggregate shares in a collection are HPKE
(X25519, HKDF-SHA-256, AES-128-GCM; enc, then ciphertext) to the task's collector key, with the info of
``messages.aggregate_info(role, task id, count, checksum)``; the plain text is the share as uint32, little-endian,
one a number of the statistic, modulo the task's modulus. The checksum is the SHA-256 of the reports' ids, sorted.

Commands::

    homespun-server leader init DIR --name NAME --url URL [--development]
    homespun-server helper init DIR --name NAME --url URL --pairing FILE
    homespun-server leader pair HELPER.json --in DIR        which helper it talks to, as helper init printed it
    homespun-server leader|helper show   --in DIR           the public description: {"name", "url", "key"}
    homespun-server leader|helper add    TASK.json --in DIR
    homespun-server leader token         --in DIR           a token for the collector, shown once
    homespun-server helper token         --in DIR           a token for its metrics, shown once
    homespun-server leader|helper retire TASK|--all --in DIR    destroy what is left, after a store was put back
    homespun-server leader|helper serve  --in DIR --host --port [--workers]
    homespun-server leader work          --in DIR           a further worker process (PostgreSQL)
    homespun-server leader|helper status --in DIR [--json]
"""

PROBLEM = "urn:homespun:problem:"
"""How the type of every error that a program is to understand begins; one of the words below follows."""
