"""The command that finds enquiries that nobody is delivering any more."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from enquiries.actions import send_again
from enquiries.models import Enquiry
from enquiries.tasks import deliver_enquiry


class Command(BaseCommand):
    """
    Queues waiting enquiries whose task is gone: a worker that is killed takes its task with it.

    Safe to run at any time, from cron and on several machines: an enquiry that two tasks stand for is sent once.
    """

    help = "Queue enquiries whose delivery was lost when a worker died. Run it every few minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--failed", action="store_true", help="also queue the enquiries that could not be sent")

    def handle(self, *args: Any, failed: bool, verbosity: int, **options: Any) -> None:
        """Queue them and say which, by reference; nothing about the people."""
        queued = self.queue_lost()
        if failed:
            for enquiry in Enquiry.objects.filter(delivery=Enquiry.Delivery.FAILED):
                if send_again(enquiry):
                    queued.append(enquiry.reference)
        sending = Enquiry.objects.filter(delivery=Enquiry.Delivery.SENDING)
        undecided = [enquiry.reference for enquiry in sending if enquiry.can_be_sent_again]
        if verbosity == 0:
            return
        self.stdout.write(f"Queued again: {', '.join(queued) or 'none'}.")
        if undecided:
            self.stdout.write(f"May have arrived, decide in the admin whether to send again: {', '.join(undecided)}.")

    @transaction.atomic
    def queue_lost(self) -> list[str]:
        """Queue what waits without a task that is ready to run."""
        waiting = Enquiry.objects.select_for_update(skip_locked=True).filter(delivery=Enquiry.Delivery.WAITING)
        candidates = list(waiting.order_by("pk"))
        # After the locks: what another run of this command has queued meanwhile is seen.
        ready = DBTaskResult.objects.filter(
            task_path=deliver_enquiry.module_path, status=TaskResultStatus.READY
        ).values_list("args_kwargs__args__0", flat=True)
        standing = set(ready)
        lost = [enquiry for enquiry in candidates if enquiry.pk not in standing]
        for enquiry in lost:
            deliver_enquiry.enqueue(enquiry.pk)
        return [enquiry.reference for enquiry in lost]
