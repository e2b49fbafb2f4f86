/** The channel of the hints between processes (notifications.ts); statements that send one themselves name it too. */
export const HINT_CHANNEL = 'triumvir';
