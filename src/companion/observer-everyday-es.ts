/** Feelings, people, reminders and questions. Spanish. */
import { phrases, type Rule } from './observer-rules.ts';

const PASTILLAS =
  '(?:pastillas?|medicinas?|medicacion|medicamentos?|insulina|gotas|inhalador|dosis)';
const FAMILIAR =
  '(?:marido|esposo|esposa|mujer|hij[oa]s?|niet[oa]s?|herman[oa]s?|padres?|madre|sobrin[oa]s?|prim[oa]s?|ti[oa]s?|cunad[oa])';
const QUERIDO = `(?:mi (?:querid[oa] |mejor |pobre )?(?:${FAMILIAR}|amig[oa]|perr[oa]|gat[oa]|vecin[oa])|ell|ella)`;

const HEART: readonly Rule[] = [
  {
    category: 'loss',
    severity: 'medium',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `(?:se (?:me )?)?(?:murio|ha muerto|fallecio|ha fallecido)(?: de [a-z]+)? ${QUERIDO}`,
      `${QUERIDO}(?: ya)?(?: se)? (?:murio|ha muerto|fallecio|ha fallecido)`,
      `(?:perdi|enterre|enterramos|he perdido) a mi~ (?:${FAMILIAR}|amig[oa]|perr[oa]|gat[oa])`,
      'soy viud[oa]',
      '(?:me quede|quede) viud[oa]',
      '(?:el|al|un) (?:funeral|entierro)',
    ),
  },
  {
    category: 'loneliness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|me encuentro|vivo)(?: muy| tan| mas| completamente)+ sol[oa]',
      'me siento(?: un poco)? (?:sol[oa]|abandonad[oa]|aislad[oa]|olvidad[oa])',
      '(?:la|mucha|esta) soledad',
      'estoy sol[oa](?=[.,!]|$| todo)',
    ),
  },
  {
    category: 'loneliness',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      '(?:nadie|no) (?:me (?:llama|visita|viene a ver|habla|escribe|quiere|hace caso|recuerda)(?: nadie| nunca)?|viene a verme|se acuerda de mi)(?: nadie)?',
      'no tengo (?:a nadie|amigos|con quien (?:hablar|charlar))',
      'no (?:veo|hablo con|he visto|he hablado con) (?:a )?nadie',
    ),
  },
  {
    category: 'emotion-negative',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|estaba|me encuentro|ando)(?: muy| tan| muchisimo)+ (?:triste|deprimid[oa]|preocupad[oa]|nervios[oa]|asustad[oa]|angustiad[oa]|enfadad[oa]|desanimad[oa]|agobiad[oa])',
      '(?:deprimid[oa]|desesperad[oa]|destrozad[oa]|aterrad[oa])',
      '(?:no paro de|no puedo dejar de|he estado) llorar?(?:ndo)?',
      '(?:estoy|estaba|llevo [a-z ]{1,20}) llorando',
      'me muero de (?:pena|miedo)',
      'tengo mucho miedo',
    ),
  },
  {
    category: 'emotion-negative',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|estaba|me encuentro|ando)(?: un poco| algo| bastante)* (?:triste|preocupad[oa]|nervios[oa]|asustad[oa]|angustiad[oa]|enfadad[oa]|desanimad[oa]|agobiad[oa]|aburrid[oa])',
      'tengo miedo',
      '(?:le|la|lo|les|te) echo (?:mucho )?de menos',
      'echo de menos',
      '(?:le|la|lo) extrano',
    ),
  },
  {
    category: 'emotion-positive',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      '(?:estoy|me siento|estaba|me he puesto|me puse)(?: muy| tan| super)* (?:content[oa]|feliz|alegre|encantad[oa]|ilusionad[oa]|orgullos[oa]|agradecid[oa]|animad[oa])',
      'que (?:alegria|ilusion)',
      'me alegr[oa](?: mucho)?',
      'tengo (?:muchas )?ganas de (?:ver|que)',
    ),
  },
];

const DAILY: readonly Rule[] = [
  {
    category: 'reminder-refused',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'no (?:me )?(?:la|las|lo|los) (?:quiero|voy a|pienso) (?:tomar|tomarme)',
      'no (?:quiero|voy a|pienso) tom(?:ar|arme)(?:l[oa]s?)?(?! (?:el (?:autobus|sol|tren)|cafe|nada))',
      'no me (?:la|las|lo) tomo',
      `no quiero (?:mas )?~ ${PASTILLAS}`,
    ),
  },
  {
    category: 'reminder-postponed',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      String.raw`(?<=^(?:no,? |bueno,? |pues,? |quiza |quizas )*)(?:mas tarde|luego|despues|ahora no|todavia no|aun no|en un rato|dentro de un rato)(?=[.,!]|$)`,
      '(?:me )?(?:la|las|lo) (?:tomo|tomare|hare|hago) (?:luego|mas tarde|despues|esta noche|manana)',
      'todavia no (?:me )?(?:la|las|lo) he tomado',
      'aun no (?:me )?(?:la|las|lo) he tomado',
    ),
  },
  {
    category: 'reminder-confirmed',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'ya (?:me )?(?:la|las|lo|los) (?:he tomado|tome)',
      `(?:ya )?(?<!no )(?:me )?(?:he tomado|tome)~ ${PASTILLAS}`,
      '(?<!no )me (?:la|las|lo) (?:he tomado|tome)',
    ),
  },
  {
    category: 'reminder-acknowledged',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      '(?<!no )me (?:la|las|lo) (?:tomo|voy a tomar) (?:ahora|ya|ahora mismo|enseguida)',
      '(?:ahora|enseguida|ahora mismo|ya)(?: mismo)? me (?:la|las|lo|los) (?:tomo|tomare)',
      '(?<!no )voy a tomarm?e?(?:la|las|lo) (?:ahora|ya|ahora mismo)',
    ),
  },
  {
    category: 'help-request',
    severity: 'low',
    denial: 'fact',
    pattern: phrases(
      '(?:me )?(?:puede|puedes|podria|podrias) (?:ayudarme|ayudar|llamar a mi|avisar a mi|decirle a mi)',
      'necesito(?: un poco de)? ayuda',
      'necesito que alguien',
      'no se que hacer',
    ),
  },
  {
    category: 'transport',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      '(?:necesito|no tengo) (?:que me (?:lleven|lleve)|como ir|quien me lleve)',
      'nadie (?:puede|me puede) llevar',
      'como (?:voy a ir|llego|voy) (?:al|a la)',
      '(?:ya )?no (?:puedo )?conduc(?:ir|zo)',
      'perdi el autobus',
    ),
  },
  {
    category: 'look-up',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'que tiempo (?:hace|hara|va a hacer)',
      '(?:va a|ira a) llover',
      'que (?:noticias|dicen las noticias)',
      'quien (?:gano|ha ganado)',
      'cuanto (?:cuesta|vale)',
      'a que hora (?:abre|cierra|empieza)',
    ),
  },
  {
    category: 'reminiscence',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'cuando (?:yo )?(?:era|eramos|tenia)~ (?:nin[oa]s?|joven(?:es)?|pequen[oa]s?|chic[oa]s?|anos)',
      '(?:recuerdo|me acuerdo)(?! si)',
      'en (?:aquellos tiempos|aquella epoca|mis tiempos|la guerra|los anos)',
      'de (?:nin[oa]|joven|pequen[oa])',
      'hace (?:muchos )?anos',
    ),
  },
  {
    category: 'family',
    severity: 'low',
    denial: 'asserted',
    pattern: phrases(`(?:mi|mis|nuestr[oa]s?) ${FAMILIAR}`),
  },
];

export const EVERYDAY_ES: readonly Rule[] = [...HEART, ...DAILY];
