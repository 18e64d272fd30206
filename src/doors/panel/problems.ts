import {
  AccessError,
  BitbucketError,
  errorCatalogue,
  InfrastructureError,
  InputError,
  type SlipwayError,
  StateError,
} from '../../core/errors.js';

/** An error in words for a person: never detail of our inside. */
export interface Problem {
  status: number;
  code: string;
  says: string;
  advice: string;
  fields: Readonly<Record<string, string>>;
  /** Not the sender's fault: worth a line in the log. */
  isOurs: boolean;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof InputError || error instanceof StateError) {
    // Their detail is written for the person who typed; every other family's is for the log.
    const fields = error instanceof InputError ? error.fields : {};
    return { ...outward(error), says: error.message, fields };
  }
  if (error instanceof AccessError || error instanceof BitbucketError) return outward(error);
  if (error instanceof InfrastructureError) {
    return {
      status: error.httpStatus,
      code: error.code,
      says: 'Slipway cannot store anything at the moment',
      advice: 'Nothing was changed. Try again in a minute; if it lasts, tell whoever runs Slipway.',
      fields: {},
      isOurs: true,
    };
  }
  return bodyProblem(error) ?? unexpected;
}

function outward(error: SlipwayError): Problem {
  const { says, advice } = errorCatalogue[error.code];
  // Bitbucket did answer: there is nothing, for us or for whoever asks.
  const status = error.code === 'repository_gone' ? 404 : error.httpStatus;
  return {
    status,
    code: error.code,
    says,
    advice,
    fields: {},
    isOurs: status >= 500,
  };
}

const unexpected: Problem = {
  status: 500,
  code: 'unexpected',
  says: 'Something went wrong in Slipway',
  advice: 'Reload the page to see where things stand, then try again.',
  fields: {},
  isOurs: true,
};

/** What Express's body parsers throw. */
function bodyProblem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('status' in error) || !('type' in error)) return null;
  const status = Number(error.status);
  if (!(status >= 400 && status < 500)) return null;
  return {
    status,
    code: status === 413 ? 'body_too_large' : 'body_unreadable',
    says: status === 413 ? 'That is more text than a form may hold' : 'The form could not be read',
    advice: status === 413 ? 'Shorten it and try again.' : 'Reload the page and try again.',
    fields: {},
    isOurs: false,
  };
}
