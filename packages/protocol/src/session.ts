import { z } from "zod";
import { Role, User } from "./api.ts";

/** A password as it is typed at a login; what a new one must be is said by NewPassword. */
const Password = z.string().min(1).max(256);
export const NewPassword = z.string().min(10, "use at least 10 characters").max(256);
const OneTimeToken = z.string().min(1).max(200);

/** Who is asking. `hasPassword`: false = so far only by a link or with tokens. */
export const Me = User.extend({ hasPassword: z.boolean() });
export type Me = z.infer<typeof Me>;

/** The token of `#login=TOKEN`. */
export const LinkLogin = z.strictObject({ token: OneTimeToken });
export const PasswordLogin = z.strictObject({ email: z.string().min(1).max(320), password: Password });
export type PasswordLogin = z.infer<typeof PasswordLogin>;

/** `current` may be null where there is no password yet, and for 15 minutes after a login by a link: that is how a lost one is replaced. */
export const PasswordChange = z.strictObject({ current: Password.nullable(), next: NewPassword });
export type PasswordChange = z.infer<typeof PasswordChange>;

/** Works once, until `expiresAt`. Whoever has it gets in: it is shown this once. */
export const OneTimeLink = z.object({ link: z.string(), expiresAt: z.iso.datetime() });
export type OneTimeLink = z.infer<typeof OneTimeLink>;

export const NewInvitation = z.strictObject({ email: z.email().max(320), role: Role.default("member") });
export type NewInvitation = z.input<typeof NewInvitation>;
/** One that nobody has accepted yet; its link is not shown again. */
export const Invitation = z.object({
  email: z.string(),
  role: Role,
  invitedBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
export type Invitation = z.infer<typeof Invitation>;
export const InvitationList = z.object({ invitations: z.array(Invitation) });

/** Somebody signed in on the page. `browser` and `address` are what the browser said. */
export const SessionView = z.object({
  id: z.string(),
  browser: z.string().nullable(),
  address: z.string().nullable(),
  createdAt: z.iso.datetime(),
  usedAt: z.iso.datetime(),
  /** The one that asks. */
  current: z.boolean(),
});
export type SessionView = z.infer<typeof SessionView>;
export const SessionList = z.object({ sessions: z.array(SessionView) });

/** Only what is named changes. Another address needs the password. */
export const MeChange = z.strictObject({
  name: z.string().trim().min(1).max(100).optional(),
  email: z.email().max(320).optional(),
  password: Password.optional(),
});
export type MeChange = z.infer<typeof MeChange>;

/** `token` is that of `#invitation=TOKEN`. */
export const InvitationAcceptance = z.strictObject({ token: OneTimeToken, name: z.string().trim().min(1).max(100), password: NewPassword });
export type InvitationAcceptance = z.infer<typeof InvitationAcceptance>;

/** What a new user has done so far; `sampleTask` is null where there is none (any more). */
export const Start = z.object({
  steps: z.object({ model: z.boolean(), repository: z.boolean(), task: z.boolean() }),
  sampleTask: z.string().nullable(),
});
export type Start = z.infer<typeof Start>;
