"""Wrong: stamps each attempt with the present time, so that it is another body under the same key; and when the API
refuses that with a conflict, sends it under a new key."""

from datetime import UTC, datetime
from typing import Any

from carrot_client import Answer, Client, Verdict
from pick_up import main


class Restamps(Client):
    _conflicts = 0

    def verdict(self, answer: Answer | None) -> Verdict:
        if answer is not None and answer.status == 409 and not answer.pending:
            self._conflicts += 1
            return Verdict.AGAIN
        return super().verdict(answer)

    def body_of(self, body: dict[str, Any], attempt: int) -> dict[str, Any]:
        if attempt == 1:
            self._conflicts = 0
        if "events" in body:
            return {**body, "events": [self.body_of(each, attempt) for each in body["events"]]}
        if "deduplicationId" not in body:
            return body
        key = body["deduplicationId"] + "/again" * self._conflicts
        now = datetime.now(UTC).isoformat()
        return {**body, "externalCreatedAt": now, "deduplicationId": key}


if __name__ == "__main__":
    main(Restamps.from_environment())
