/** What is counted per listener. */
import { Histogram } from '../core/histogram.ts';

export class ListenerFigures {
  connectionsTotal = 0;
  connectionsActive = 0;
  connectionsRefused = 0;
  /** Clients closed because they did not read their replies. */
  slowReadersClosed = 0;
  /** Those of them that were subscribed to something. */
  slowSubscribersClosed = 0;
  /** Clients that are subscribed to something, now. */
  subscribers = 0;
  /** Their subscriptions: a channel that two clients are subscribed to counts twice. */
  subscriptions = 0;
  messagesDelivered = 0;
  idleClosed = 0;
  protocolErrors = 0;
  unknownCommands = 0;
  authFailures = 0;
  /** Logins that the external service did not answer. */
  externalAuthErrors = 0;
  denied = 0;
  /** Commands that waited for the rate of their user. */
  rateLimited = 0;
  commands = 0;
  errorReplies = 0;
  /** Of MONITOR, over all who watch. */
  monitorLinesLeftOut = 0;
  /** Commands that waited because so many others were under way. */
  concurrencyWaits = 0;
  /** Commands answered late, and with an error, on purpose. */
  faultDelays = 0;
  faultErrors = 0;
  bytesRead = 0;
  bytesWritten = 0;
  /** From the read of a command to its reply, commands answered here included. */
  readonly latency: Histogram = new Histogram();
}
