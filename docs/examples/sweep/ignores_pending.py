"""Wrong: takes the pending 409 for success, as if what is pending were this request. It was not done."""

from carrot_client import Answer, Client, Verdict
from pick_up import main


class IgnoresPending(Client):
    def verdict(self, answer: Answer | None) -> Verdict:
        return Verdict.DONE if answer is not None and answer.pending else super().verdict(answer)


if __name__ == "__main__":
    main(IgnoresPending.from_environment())
